/** Buffers of batches' messages, used again: each is tens of kilobytes that Node would otherwise allocate outside its heap and collect,
 *  hundreds of times a second. */
const free = new Map<number, Buffer<ArrayBuffer>[]>()
const smallest = 8 * 1024
const largest = 1024 * 1024
const keptOfASize = 4

/** Exactly so many bytes; give it back when they are written. */
export function takeBuffer(bytes: number): Buffer<ArrayBuffer> {
  if (bytes < smallest || bytes > largest) return Buffer.allocUnsafe(bytes)
  const size = 2 ** Math.ceil(Math.log2(bytes))
  const buffer = free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
  return buffer.subarray(0, bytes)
}

export function giveBuffer(taken: Buffer<ArrayBuffer>): void {
  const size = taken.buffer.byteLength
  if (taken.length < smallest || taken.length > largest || taken.byteOffset !== 0) return
  const buffers = free.get(size) ?? []
  free.set(size, buffers)
  if (buffers.length < keptOfASize) buffers.push(Buffer.from(taken.buffer))
}
