/** Samples of one sum at a temperature. */
import { useState } from 'preact/hooks';
import { palette } from '../../charts/palette.ts';
import { useComputation } from '../../model/useComputation.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SliderField, TextField } from '../../ui/fields.tsx';
import { percent } from '../Bars.tsx';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';
import { Tokens } from '../Tokens.tsx';
import { Verdict } from '../Verdict.tsx';

const GROUP = 6;

export function SampleFigure() {
  const [expression, setExpression] = useState('7+3');
  const [temperature, setTemperature] = useState(1);
  const [topK, setTopK] = useState(0);
  const [seed, setSeed] = useState(1);
  const options = { expression, temperature, topK, seed, groupSize: GROUP };
  const { value, error, busy } = useComputation(
    expression === '' ? undefined : () => bundledModel.sample(options),
    [expression, temperature, topK, seed],
  );
  const colours = palette.value;
  return (
    <Figure
      busy={busy}
      controls={
        <>
          <TextField label="A sum" mono value={expression} onInput={setExpression} />
          <SliderField
            label="Temperature"
            min={0.1}
            max={2}
            step={0.1}
            value={temperature}
            format={(at) => at.toFixed(1)}
            onInput={setTemperature}
          />
          <SliderField
            label="Only the k likeliest tokens"
            min={0}
            max={10}
            step={1}
            value={topK}
            format={(at) => (at === 0 ? 'all' : String(at))}
            onInput={setTopK}
          />
          <Button icon="reset" onClick={() => setSeed(seed + 1)}>
            Sample again
          </Button>
        </>
      }
    >
      {error !== undefined && <FailureNotice error={error} />}
      {value && (
        <ul class="samples">
          {value.completions.map(({ ids, texts, logps, correct }, i) => (
            <li key={`${i} ${ids.join()}`}>
              <Verdict correct={correct} />
              <Tokens
                label={`Sample ${i + 1}`}
                texts={texts}
                ground={(t) => colours.sequential(Math.exp(logps[t] ?? 0))}
                describe={(t) => percent(Math.exp(logps[t] ?? 0))}
              />
            </li>
          ))}
        </ul>
      )}
      <p class="quiet">The darker a token, the likelier it was when it was drawn.</p>
    </Figure>
  );
}
