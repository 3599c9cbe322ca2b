/** Live answers: what the model says to a question after each step, and when it turned right. */
import { Badge } from '../ui/Badge.tsx';
import { TextField } from '../ui/fields.tsx';
import { formatNumber } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { lab } from './labRun.ts';
import type { LiveAnswer } from './protocol.ts';
import type { Settings } from './settings.ts';

export function Answers({ settings }: { readonly settings: Settings }) {
  const question = lab.question.value.trim();
  const own = lab.answers.value.filter((answer) => answer.question === question);
  const latest = own.at(-1);
  return (
    <Panel title="Ask the model" note="It answers after every step, with its most likely words.">
      <TextField
        label="Your question"
        mono
        value={lab.question.value}
        onInput={(text) => lab.ask(text)}
        help={`Type ${settings.preset.asks}.`}
        error={lab.unasked.value}
        testid="question"
      />
      <div
        class={`answer ${latest ? (latest.correct ? 'right' : 'wrong') : 'none'}`}
        data-testid="answer"
        aria-live="off"
      >
        <p class="equation">
          <span class="asked">{question}</span>
          <span class="equals" aria-hidden="true">
            =
          </span>
          <span class="said">{latest ? (latest.answer ?? '…') : '?'}</span>
        </p>
        {latest ? (
          <Verdict answer={latest} />
        ) : (
          <p class="quiet">Press Start: the answer of the untrained model comes first.</p>
        )}
      </div>
      {own.length > 0 && <History answers={own} />}
    </Panel>
  );
}

function Verdict({ answer }: { readonly answer: LiveAnswer }) {
  const { correct, expected, completion, logp } = answer;
  return (
    <>
      <p class="verdict">
        <Badge tone={correct ? 'good' : 'bad'} testid="verdict">
          {correct ? 'right' : 'wrong'}
        </Badge>
        {!correct && <span> It is {expected}.</span>}
      </p>
      <p class="quiet detail">
        The model wrote <code class="wrote">{completion}</code> with log-probability {formatNumber(logp)} (
        {formatNumber(100 * Math.exp(logp))} %).
      </p>
    </>
  );
}

/** Steps in a row with the same verdict. */
interface Stretch {
  readonly correct: boolean;
  readonly from: number;
  readonly count: number;
}

function History({ answers }: { readonly answers: readonly LiveAnswer[] }) {
  const stretches = stretchesOf(answers);
  const turned = stretches.findLast(({ correct }, i) => correct && i > 0);
  const isRight = answers.at(-1)?.correct ?? false;
  return (
    <div class="history">
      <div class="strip" aria-hidden="true">
        {stretches.map(({ correct, from, count }) => (
          <span key={from} class={correct ? 'right' : 'wrong'} style={{ flexGrow: count }} />
        ))}
      </div>
      <p class="turned" data-testid="turned">
        {turned && isRight
          ? `It turned right at step ${turned.from}.`
          : isRight
            ? 'It was right from the start.'
            : `${answers.length} answers so far.`}
      </p>
    </div>
  );
}

function stretchesOf(answers: readonly LiveAnswer[]): readonly Stretch[] {
  const stretches: Stretch[] = [];
  for (const { correct, step } of answers) {
    const last = stretches.at(-1);
    if (last?.correct === correct) stretches[stretches.length - 1] = { ...last, count: last.count + 1 };
    else stretches.push({ correct, from: step, count: 1 });
  }
  return stretches;
}
