// npm run sbom -- [FILE]: what Holdfast is made of, as CycloneDX, from the lock file; default: holdfast.cdx.json. The same lock file makes the same bytes.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { billOfMaterials } from './packing/bill-of-materials.js'

const file = process.argv[2] ?? 'holdfast.cdx.json'
const bill = billOfMaterials(resolve(import.meta.dirname, '../../..'))
writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`)
process.stdout.write(`sbom: ${bill.components.length} packages in ${file}\n`)
