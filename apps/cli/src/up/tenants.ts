/** Whose all is on a server without authentication. */
export const localTenant = 'default'
