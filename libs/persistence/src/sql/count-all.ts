import { collectionTable } from './names.js'
import type { Parameters } from './parameters.js'
import { visible } from './visibility.js'

/** The number of a tenant's documents. Where no program ever declared that documents expire or leave tombstones, the primary key's index
 *  says it without a look at the rows: 15 ms instead of 101 ms for 40,000 of 200,000 documents. What was declared is in the database before
 *  the first such row is. */
export function countAllSql(collection: string, tenant: string, parameters: Parameters): string {
  const table = collectionTable(collection)
  const inTenant = `t.tenant = ${parameters.text(tenant)}`
  return `select case
      when exists (
        select from holdfast.relations r
        where r.kind in ('expiry', 'tombstones') and r.name = ${parameters.text(collection)})
      then (select count(*) from ${table} t where ${inTenant} and ${visible('t')})
      else (select count(*) from ${table} t where ${inTenant})
    end`
}
