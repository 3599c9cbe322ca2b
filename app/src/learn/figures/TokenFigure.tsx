/** A text as tokens, and the distribution of the token that follows. */
import { useState } from 'preact/hooks';
import { useComputation } from '../../model/useComputation.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { TextField } from '../../ui/fields.tsx';
import { Bars } from '../Bars.tsx';
import { likeliest, probabilities } from '../distribution.ts';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';
import { Tokens } from '../Tokens.tsx';

const SHOWN = 8;

export function TokenFigure() {
  const [text, setText] = useState('7+3');
  /** Tokens behind the prompt; undefined for the model's own, up to where it is in doubt. */
  const [added, setAdded] = useState<readonly number[]>();
  const { value, error, busy } = useComputation(text === '' ? undefined : () => nextToken(text, added), [
    text,
    added,
  ]);
  return (
    <Figure
      busy={busy}
      controls={
        <>
          <TextField
            label="A sum"
            mono
            value={text}
            onInput={(changed) => {
              setText(changed);
              setAdded(undefined);
            }}
          />
          <Button
            icon="left"
            disabled={!value || value.added.length === 0}
            onClick={() => setAdded(value?.added.slice(0, -1))}
          >
            Take back
          </Button>
        </>
      }
    >
      {error !== undefined && <FailureNotice error={error} />}
      {value && (
        <>
          <Tokens
            label="Tokens"
            texts={value.texts}
            describe={(index) => `token ${value.ids[index] ?? ''}`}
            chosen={value.texts.length - 1}
          />
          <p class="quiet">
            {value.texts.length} tokens. The model gives each of its {value.vocabulary.length} tokens a
            probability to be the next:
          </p>
          <Bars
            label="The likeliest next tokens"
            bars={value.next.map(({ id, probability }) => ({
              id,
              text: value.vocabulary[id] ?? '',
              value: probability,
            }))}
            onChoose={value.ended ? undefined : ({ id }) => setAdded([...value.added, id])}
          />
        </>
      )}
    </Figure>
  );
}

async function nextToken(text: string, chosen: readonly number[] | undefined) {
  const vocabulary = await bundledModel.vocabulary();
  const whole = await bundledModel.tokens(text, true);
  const { ids: all, promptLength } = whole;
  const added = chosen ?? all.slice(promptLength, await firstDoubt(all, promptLength, vocabulary.length));
  const ids = [...all.slice(0, promptLength), ...added];
  const { logits } = await bundledModel.attend(ids);
  const distribution = probabilities(logits, ids.length - 1, { vocabSize: vocabulary.length });
  const texts = ids.map((id) => vocabulary[id] ?? '');
  return {
    ids,
    added,
    texts,
    vocabulary,
    next: likeliest(distribution, SHOWN),
    ended: texts.at(-1) === '<eos>',
  };
}

/** A token below this probability is in doubt. */
const SURE = 0.9;

/** Return the position of the first token of an answer that the model is not sure of; the answer's start if there is none. */
async function firstDoubt(ids: readonly number[], promptLength: number, vocabSize: number): Promise<number> {
  const { logits } = await bundledModel.attend(ids);
  for (let at = promptLength; at < ids.length; at++) {
    if (Math.max(...probabilities(logits, at - 1, { vocabSize })) < SURE) return at;
  }
  return promptLength;
}
