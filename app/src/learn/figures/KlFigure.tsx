/** The distance of a policy that practises from the one that it began as. */
import { useState } from 'preact/hooks';
import { palette } from '../../charts/palette.ts';
import { useComputation } from '../../model/useComputation.ts';
import { Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { Stat, Stats } from '../../ui/Stat.tsx';
import { Bars } from '../Bars.tsx';
import { likeliest, mean, probabilities } from '../distribution.ts';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';
import { practisedTokens } from '../practice.ts';
import { PRACTICE, STEPS } from '../practiceOptions.ts';
import { Tokens } from '../Tokens.tsx';
import { PractisedSteps } from './PractisedSteps.tsx';

const WEIGHTS = ['0', '0.1', '0.5', '2'] as const;
const SHOWN = 6;
/** The KL that fills the colour, in nats. */
const DARK = 0.5;

export function KlFigure() {
  const [step, setStep] = useState<number>(STEPS);
  const [weight, setWeight] = useState<(typeof WEIGHTS)[number]>('0');
  const [position, setPosition] = useState<number>();
  const { temperature } = PRACTICE;
  const { value, error, busy } = useComputation(async () => {
    const options = { ...PRACTICE, klCoef: Number(weight), clipRatio: 0.2 };
    return { practice: await bundledModel.practise(options), vocabulary: await bundledModel.vocabulary() };
  }, [weight]);
  const colours = palette.value;
  const controls = (
    <>
      <PractisedSteps value={step} onInput={setStep} />
      <SelectField
        label="Weight of the KL"
        value={weight}
        choices={WEIGHTS.map((each) => ({ value: each, label: each === '0' ? '0 (none)' : each }))}
        onInput={setWeight}
      />
    </>
  );
  if (!value) {
    return (
      <Figure busy={busy} controls={controls}>
        {error === undefined ? <Loading label="The model practises" /> : <FailureNotice error={error} />}
      </Figure>
    );
  }
  const { practice, vocabulary } = value;
  const all = practisedTokens(practice, step, { clipRatio: 0.2, temperature });
  const tokens = all.filter(({ completion }) => completion === 0);
  const widest = tokens.reduce((best, { kl }, at) => (kl > (tokens[best]?.kl ?? 0) ? at : best), 0);
  const at = Math.min(position ?? widest, tokens.length - 1);
  const distribution = (from: number): Float64Array =>
    probabilities(practice.logits[from]?.[0] ?? new Float32Array(), at, {
      vocabSize: vocabulary.length,
      temperature,
    });
  const [before, now] = [distribution(0), distribution(step)];
  const shown = likeliest(
    now.map((share, id) => Math.max(share, before[id] ?? 0)),
    SHOWN,
  );
  return (
    <Figure busy={busy} controls={controls}>
      <Stats>
        <Stat label="Mean KL of all tokens" value={mean(all.map(({ kl }) => kl)).toFixed(3)} unit="nats" />
        <Stat label="KL at the chosen token" value={(tokens[at]?.kl ?? 0).toFixed(3)} unit="nats" />
      </Stats>
      <Tokens
        label="The first completion; choose a token"
        texts={tokens.map(({ text }) => text)}
        ground={(index) => colours.sequential(Math.min(1, (tokens[index]?.kl ?? 0) / DARK))}
        describe={(index) => `KL ${(tokens[index]?.kl ?? 0).toFixed(3)}`}
        chosen={at}
        onChoose={setPosition}
      />
      <Bars
        label={`The distribution that token ${at + 1} comes from, now and before`}
        names={[`after ${step} ${step === 1 ? 'step' : 'steps'}`, 'before']}
        bars={shown.map(({ id }) => ({
          id,
          text: vocabulary[id] ?? '',
          value: now[id] ?? 0,
          other: before[id] ?? 0,
        }))}
      />
    </Figure>
  );
}
