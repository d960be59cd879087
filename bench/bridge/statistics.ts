/** The middle value; the mean of the two in the middle of an even number. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** The value below which the share `q` of the values lies (nearest rank). NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/**
 * Median of the ratios of what was measured in the same repeat: what slows the machine for a while slows both.
 * Repeats in which either is missing do not count.
 */
export function pairedRatio(values: readonly (number | undefined)[], base: readonly (number | undefined)[]): number {
  const ratios = values.flatMap((value, index) => {
    const other = base[index];
    return value === undefined || other === undefined || other === 0 ? [] : [value / other];
  });
  return median(ratios);
}

/** Lowest and highest of those ratios. */
export function ratioRange(
  values: readonly (number | undefined)[],
  base: readonly (number | undefined)[],
): [number, number] {
  const ratios = values.flatMap((value, index) => {
    const other = base[index];
    return value === undefined || other === undefined || other === 0 ? [] : [value / other];
  });
  return [Math.min(...ratios), Math.max(...ratios)];
}
