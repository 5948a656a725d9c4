/** Holds of every row of the input `u`, and is not expected to: of a range of values that it knows nothing of PostgreSQL takes one row in 200 to
 *  be within. Expecting as many rows as the arrays have, or ten, it joined them to a table that was small when it planned by reading all of it,
 *  and kept that plan while the table grew, until it was analyzed (26 ms for a put in place of 1). For one row it looks up the key.
 *
 *  What is left: a table analyzed while it was no longer than a page or two, where reading it is the cheaper way indeed. */
export const byKey = 'octet_length(u.id) between 0 and 2147483647'
