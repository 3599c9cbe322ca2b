/** Words for what happens to the workers of a run. Names and problems come from other machines: they are made printable. */
import type { ClusterEvent } from '../cluster/trainer/events.ts';
import { printable } from '../formats/error.ts';
import type { Reporter } from './reporter.ts';

/** Results that are not taken are told so often; further ones are in the metrics. */
const MOST_REJECTIONS = 10;

/** Tells what happens to the workers of a run. */
export class WorkersTerminal {
  #rejections = 0;

  constructor(private readonly reporter: Pick<Reporter, 'line' | 'note'>) {}

  /** Print an event. */
  hear(event: ClusterEvent): void {
    const { reporter } = this;
    switch (event.type) {
      case 'joined': {
        const { adapter, platform } = event.card;
        reporter.note(`Worker ${nameOf(event)} joined (${printable(adapter)}; ${printable(platform)})`);
        break;
      }
      case 'left':
        reporter.note(`Worker ${nameOf(event)} left`);
        break;
      case 'refused': {
        const { problem, fix } = event.refusal;
        reporter.line(`warning: worker ${nameOf(event)} is refused: ${problem} — ${fix}`);
        break;
      }
      case 'rejected':
        this.#rejections++;
        if (this.#rejections > MOST_REJECTIONS) break;
        reporter.line(
          `warning: a result of worker ${event.worker} is not taken: ${printable(event.problem)}`,
        );
        if (this.#rejections === MOST_REJECTIONS)
          reporter.line('Further results that are not taken are counted in the metrics, and not told here');
        break;
      case 'banned':
        reporter.line(`warning: worker ${event.worker} is banned: ${printable(event.problem)}`);
        break;
      case 'alone':
        reporter.line(
          `warning: ${printable(event.problem)}; training goes on without workers — ${event.fix}`,
        );
        break;
      case 'back':
        reporter.line('The server of workers is back');
        break;
      default:
        event satisfies never;
    }
  }
}

/** Name a worker as it calls itself, and as figures call it. */
function nameOf({ worker, card }: Extract<ClusterEvent, { type: 'joined' | 'left' | 'refused' }>): string {
  const name = printable(card.name);
  return name === worker ? worker : `${name} (${worker})`;
}
