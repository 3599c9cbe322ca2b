/** Accuracies and their comparison as text. */
import type { Interval } from '../base/statistics.ts';
import type { Accuracy, Improvement, PassAtK } from '../training/accuracy.ts';

/** Lines such as `pass@4: 61.20%, 95% interval 58.11% to 64.25%`. */
export function passAtKLines(passAtK: PassAtK): string[] {
  return Object.entries(passAtK).map(
    ([k, { estimate, low, high }]) =>
      `pass@${k}: ${percent(estimate)}%, 95% interval ${percent(low)}% to ${percent(high)}%`,
  );
}

/** Lines such as `pass@4 difference: +3.20 points, 95% interval +1.11 to +5.25`. */
export function passAtKDifferenceLines(difference: PassAtK): string[] {
  return Object.entries(difference).map(
    ([k, { estimate, low, high }]) =>
      `pass@${k} difference: ${signed(estimate)} points, 95% interval ${signed(low)} to ${signed(high)}`,
  );
}

/** `45.00% (45/100)`. */
export function accuracyText({ accuracy, correct, total }: Accuracy): string {
  return `${percent(accuracy)}% (${correct}/${total})`;
}

/** `45.00% (45/100), 95% interval 35.61% to 54.76%`. */
export function accuracyWithInterval(accuracy: Accuracy): string {
  return `${accuracyText(accuracy)}, 95% interval ${percent(accuracy.low)}% to ${percent(accuracy.high)}%`;
}

/** `+15.00 points, 95% interval +4.61 to +24.80, McNemar p = 0.0034`. */
export function improvementText({ difference, low, high, mcnemarP }: Improvement): string {
  const interval = `95% interval ${signed(low)} to ${signed(high)}`;
  return `${signed(difference)} points, ${interval}, McNemar p = ${probabilityText(mcnemarP)}`;
}

/** `+15.00 points (+4.61 to +24.80)`. */
export function intervalText({ estimate, low, high }: Interval): string {
  return `${signed(estimate)} points (${signed(low)} to ${signed(high)})`;
}

/** Format a share in percent, without the sign of percent. */
export function percent(share: number): string {
  return (100 * share).toFixed(2);
}

/** Format a difference of shares in points, with its sign. */
export function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${percent(share)}`;
}

/** Format a p. */
export function probabilityText(p: number): string {
  return p >= 0.001 ? p.toFixed(3) : p.toExponential(1);
}
