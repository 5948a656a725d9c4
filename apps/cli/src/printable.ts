/** Columns as wide as their widest cell, two spaces apart. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(printable))
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Text of others on one line: without control characters, which could move the cursor or hide what is printed. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}

/** As `printable`, with line breaks and tabs. */
export function printableLines(text: string): string {
  return text.replaceAll(/[^\n\t\P{Cc}]/gu, ' ')
}
