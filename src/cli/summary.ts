/** The lines that end a session. */
import type { Summary } from '../training/summary.ts';
import { improvementText } from './accuracy.ts';
import { invocation } from './invocation.ts';
import { duration, type Reporter } from './reporter.ts';

/** Print what was gained and saved, and how to resume if it was interrupted. */
export function printSummary(reporter: Reporter, summary: Summary, directory: string): void {
  const { improvement, best, checkpoint, interrupted, seconds, tokensPerSecond } = summary;
  if (improvement) reporter.line(`Improvement: ${improvementText(improvement)}`);
  if (best && summary.final && best.accuracy > summary.final.accuracy) {
    reporter.line(`Best: ${(100 * best.accuracy).toFixed(2)}% after step ${best.step}, ${best.checkpoint}`);
  }
  const what = interrupted ? 'Interrupted; saved the model' : 'Saved final model';
  if (checkpoint !== null) reporter.line(`${what} to ${checkpoint}`);
  else if (interrupted) reporter.line('Interrupted before the first step');
  if (interrupted) reporter.line(`Go on with: ${invocation('train', ['resume', directory])}`);
  reporter.line(`Took ${duration(seconds)}, ${Math.round(tokensPerSecond)} tokens/s in training`);
}
