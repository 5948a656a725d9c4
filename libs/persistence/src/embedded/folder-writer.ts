import { openEmbeddedDriver } from './driver.js'

/** For folder.test.ts: writes 1, 2, 3, … into the folder of its first argument and tells of each when it is acknowledged,
 *  until it is killed. */
const driver = await openEmbeddedDriver(process.argv[2] ?? '')
process.on('disconnect', () => process.exit())
await driver.script('create table if not exists entries (n int primary key)')
const [row] = await driver.query({ text: 'select coalesce(max(n), 0) from entries', values: [] })
for (let n = Number(row?.[0]) + 1; ; n++) {
  await driver.query({ name: 'insert', text: 'insert into entries values ($1::int)', values: [n] })
  process.send?.(n)
}
