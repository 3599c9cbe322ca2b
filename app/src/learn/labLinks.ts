/** The training in Lab that shows each step of the guide at work. */
import type { Parameters } from '../shell/routes.ts';

export interface LabLink {
  readonly label: string;
  /** Settings as an address of Lab has them. */
  readonly settings: Parameters;
}

const sums = (settings: Parameters = {}): Parameters => ({ preset: 'sums', ...settings });

/** One for each lesson, in order. */
export const LAB_LINKS: readonly LabLink[] = [
  { label: 'Train this model', settings: sums() },
  { label: 'Train it, and watch its heads', settings: sums({ save_interval: '10', keep_last: '0' }) },
  { label: 'Train with a temperature of 1.3', settings: sums({ temperature: '1.3' }) },
  { label: 'Train with groups of 16', settings: sums({ group_size: '16' }) },
  { label: 'Train with three epochs and a tight clip', settings: sums({ epochs: '3', clip_ratio: '0.1' }) },
  { label: 'Train with a KL of weight 0.1', settings: sums({ kl_coef: '0.1' }) },
];
