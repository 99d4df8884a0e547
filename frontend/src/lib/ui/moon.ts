/**
 * The lit part of a moon with centre (12, 12): nothing at 0, half at 0.5, all at 1. It waxes from the right, as in the
 * northern sky. `fraction` outside 0..1 is clamped; `radius` is in the units of a 24 × 24 box.
 */
export function moonPath(fraction: number, radius = 9): string {
  const lit = Math.min(1, Math.max(0, fraction));
  const width = Math.abs(1 - 2 * lit) * radius;
  const back = lit < 0.5 ? 0 : 1;
  const round = (value: number) => Number(value.toFixed(3));
  const top = `12 ${round(12 - radius)}`;
  return `M${top}A${radius} ${radius} 0 0 1 12 ${round(12 + radius)}A${round(width)} ${radius} 0 0 ${back} ${top}Z`;
}
