/** Decides which workers a run takes. */
import { printable } from '../../formats/error.ts';
import type { Refusal, WorkerCard } from '../protocol/messages.ts';
import { PROTOCOL, type Spec } from '../protocol/spec.ts';

/** Return why a run refuses a worker; null if it takes it. @param ban the refusal of a banned worker. */
export function refusalOf(
  card: Pick<WorkerCard, 'protocol' | 'version' | 'class' | 'adapter'>,
  spec: Pick<Spec, 'version' | 'mode' | 'class' | 'adapter'>,
  ban: Refusal | null,
): Refusal | null {
  if (card.protocol !== PROTOCOL) {
    const problem = `the worker speaks protocol ${card.protocol}, the trainer ${PROTOCOL}`;
    return { reason: 'protocol', problem, fix: `install mathformer ${spec.version} on the worker` };
  }
  if (card.version !== spec.version) {
    const problem = `the worker has mathformer ${shown(card.version)}, the trainer ${spec.version}`;
    return { reason: 'version', problem, fix: `install mathformer ${spec.version} on the worker` };
  }
  if (ban) return ban;
  if (spec.mode === 'same-class' && card.class !== spec.class) {
    const problem =
      `the worker is of the class ${shown(card.class)} (${shown(card.adapter)}), the trainer of ${spec.class} ` +
      `(${shown(spec.adapter)}), and the run takes its own class alone`;
    const fix = spec.class.startsWith('wasm-')
      ? 'start the worker with --adapter wasm, or the trainer with --workers_mode any'
      : 'start the worker on a machine like the trainer, or the trainer with --workers_mode any';
    return { reason: 'class', problem, fix };
  }
  return null;
}

const shown = (text: string): string => printable(text).slice(0, 200);
