export interface Slope {
  /** A hour. */
  readonly perHour: number
  /** Half of the 95 % confidence interval, a hour. */
  readonly noise: number
}

/** Least squares. Neighbours of such series are alike, so that there are fewer observations than points: the error is widened by the correlation of
 *  neighbours, as for a first-order process (https://doi.org/10.1175/1520-0442(2000)013<3110:TTAOTS>2.0.CO;2, eq. 6).
 *  @param points milliseconds, and what was measured */
export function slopeOf(points: readonly (readonly [number, number])[]): Slope {
  const count = points.length
  if (count < 4) return { perHour: 0, noise: Number.POSITIVE_INFINITY }
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const spread = sum(points.map(([x]) => (x - meanX) ** 2))
  const slope = sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / spread
  const rests = points.map(([x, y]) => y - meanY - slope * (x - meanX))
  const squares = sum(rests.map((rest) => rest ** 2))
  const alike = squares === 0 ? 0 : sum(rests.slice(1).map((rest, index) => rest * (rests[index] ?? 0))) / squares
  const correlation = Math.min(0.95, Math.max(0, alike))
  const effective = Math.max(3, (count * (1 - correlation)) / (1 + correlation))
  const error = Math.sqrt(squares / Math.max(1, effective - 2) / spread)
  return { perHour: slope * 3_600_000, noise: 2 * error * 3_600_000 }
}

/** Whether what was measured grows beyond its noise, and by more than `tolerated` an hour, over all of it and over its later half by itself: what fills up slows down, and a leak
 *  does not. */
export function goesOn(points: readonly (readonly [number, number])[], tolerated: number): boolean {
  return [points, points.slice(Math.floor(points.length / 2))].every((some) => {
    const { perHour, noise } = slopeOf(some)
    return perHour > noise && perHour > tolerated
  })
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length
