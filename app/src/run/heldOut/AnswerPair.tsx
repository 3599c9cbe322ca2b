/** Two completions of a problem side by side, with what changed marked. */
import { type CompletionRow, isCorrect } from 'mathformer/training';
import { useMemo, useState } from 'preact/hooks';
import { Badge } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import { changes, type Piece } from '../completions/changes.ts';
import type { Flip, PairedProblem } from '../problems/flips.ts';
import './heldOut.css';

/** Longer completions are folded to this number of characters. */
const FOLDED = 400;

const FLIP_SIGNS: Readonly<Record<Flip, string>> = {
  'to right': '↗',
  'to wrong': '↘',
  'stayed right': '→',
  'stayed wrong': '→',
};

/** The change of an answer, as a word with a sign. */
export function FlipBadge({ flip }: { readonly flip: Flip }) {
  const tone = flip === 'to right' ? 'good' : flip === 'to wrong' ? 'bad' : 'neutral';
  return (
    <Badge tone={tone}>
      {FLIP_SIGNS[flip]} {flip}
    </Badge>
  );
}

/** An answer with its verdict. */
export function Answer({ row }: { readonly row: CompletionRow }) {
  return (
    <span class={isCorrect(row) ? 'answer right' : 'answer wrong'}>
      <span role="img" aria-label={isCorrect(row) ? 'right' : 'wrong'}>
        {isCorrect(row) ? '✓' : '✗'}
      </span>{' '}
      <span class="mono">{answerOf(row)}</span>
    </span>
  );
}

/** Return the answer, or the reason why there is none. */
function answerOf({ answer, verdict }: CompletionRow): string {
  if (answer === null) return visibleText(verdict);
  return answer === '' ? 'empty' : visibleText(answer);
}

export interface AnswerPairProps {
  readonly problem: PairedProblem;
  /** Names of the evaluations. */
  readonly before: string;
  readonly after: string;
}

export function AnswerPair({ problem, before, after }: AnswerPairProps) {
  const [isOpen, setOpen] = useState(false);
  const pieces = useMemo(
    () => changes(problem.before.completion, problem.after.completion),
    [problem.before, problem.after],
  );
  const length = Math.max(problem.before.completion.length, problem.after.completion.length);
  const isFolded = length > FOLDED && !isOpen;
  return (
    <article class="answer-pair">
      <header>
        <h3 class="mono">{visibleText(problem.expression.trim())}</h3>
        <p class="quiet">
          expected <span class="mono ink">{visibleText(problem.expected)}</span>
        </p>
        <FlipBadge flip={problem.flip} />
      </header>
      <Side title={before} row={problem.before} pieces={pieces} without="added" isFolded={isFolded} />
      <Side title={after} row={problem.after} pieces={pieces} without="removed" isFolded={isFolded} />
      {length > FOLDED && (
        <Button kind="quiet" small expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fold' : `Show all ${length} characters`}
        </Button>
      )}
    </article>
  );
}

interface SideProps {
  readonly title: string;
  readonly row: CompletionRow;
  readonly pieces: readonly Piece[];
  /** Pieces of the other side. */
  readonly without: 'added' | 'removed';
  readonly isFolded: boolean;
}

function Side({ title, row, pieces, without, isFolded }: SideProps) {
  const own = pieces.filter(({ change }) => change !== without);
  return (
    <section>
      <p class="side-head">
        <span class="quiet">{title}</span> <Answer row={row} />
      </p>
      <p class={isFolded ? 'completion mono folded' : 'completion mono'}>
        {own.length === 0 && <span class="quiet">nothing</span>}
        {own.map(({ text, change }, i) => {
          const shown = visibleText(text);
          if (change === 'same') return <span key={`${i} ${change}`}>{shown}</span>;
          return change === 'removed' ? (
            <del key={`${i} ${change}`}>{shown}</del>
          ) : (
            <ins key={`${i} ${change}`}>{shown}</ins>
          );
        })}
      </p>
    </section>
  );
}
