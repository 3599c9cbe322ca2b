/** A group of completions, with rewards that can be changed, and the advantages that follow. */
import { advantages } from 'mathformer/grpo';
import { useState } from 'preact/hooks';
import { useComputation } from '../../model/useComputation.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { TextField } from '../../ui/fields.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { mean } from '../distribution.ts';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';
import { Tokens } from '../Tokens.tsx';

const GROUP = 8;
/** The advantage of the only right completion of eight, which fills the bar. */
const LARGEST = 2.5;

export function GroupFigure() {
  const [expression, setExpression] = useState('7+3');
  const [seed, setSeed] = useState(3);
  /** Completions whose reward the person has turned. */
  const [turned, setTurned] = useState<ReadonlySet<number>>(new Set());
  const options = { expression, temperature: 1, topK: 0, seed, groupSize: GROUP };
  const { value, error, busy } = useComputation(
    expression === '' ? undefined : () => bundledModel.sample(options),
    [expression, seed],
  );
  const restart = (change: () => void): void => {
    change();
    setTurned(new Set());
  };
  const rewards = value?.completions.map(({ reward }, i) => (turned.has(i) ? 1 - reward : reward)) ?? [];
  const own = rewards.length > 1 ? advantages(rewards, rewards.length) : new Float32Array();
  const isEqual = rewards.every((reward) => reward === rewards[0]);
  return (
    <Figure
      busy={busy}
      controls={
        <>
          <TextField
            label="A sum"
            mono
            value={expression}
            onInput={(changed) => restart(() => setExpression(changed))}
          />
          <Button icon="reset" onClick={() => restart(() => setSeed(seed + 1))}>
            Another group
          </Button>
        </>
      }
    >
      {error !== undefined && <FailureNotice error={error} />}
      {value && (
        <>
          <ul class="group">
            {value.completions.map(({ ids, texts }, i) => (
              <li key={`${i} ${ids.join()}`}>
                <Tokens label={`Completion ${i + 1}`} texts={texts} />
                <Button
                  small
                  pressed={rewards[i] === 1}
                  onClick={() => {
                    const next = new Set(turned);
                    if (!next.delete(i)) next.add(i);
                    setTurned(next);
                  }}
                >
                  reward {rewards[i]}
                </Button>
                <AdvantageBar value={own[i] ?? 0} />
              </li>
            ))}
          </ul>
          {isEqual ? (
            <Notice
              kind="info"
              title="All rewards are equal: there is nothing to compare, and nothing to learn."
            />
          ) : (
            <p class="formula">
              advantage = (reward − mean) ÷ deviation = (reward − {mean(rewards).toFixed(3)}) ÷{' '}
              {deviation(rewards).toFixed(3)}
            </p>
          )}
        </>
      )}
    </Figure>
  );
}

function AdvantageBar({ value }: { readonly value: number }) {
  const share = Math.min(1, Math.abs(value) / LARGEST);
  const side = value < 0 ? 'negative' : 'positive';
  return (
    <span class="advantage">
      <span class="axis" aria-hidden="true">
        <span class={side} style={{ width: `${50 * share}%` }} />
      </span>
      <span class="number">
        {value === 0 ? '0' : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`}
      </span>
    </span>
  );
}

/** Sample standard deviation (ddof 1), as the trainer has it. */
function deviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
