/** Chooses problems by what happened to their answers, and by text. */
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/fields.tsx';
import { FLIPS, type Flip, flipCounts, type PairedProblem } from '../problems/flips.ts';
import './heldOut.css';

/** A choice of problems, as the address has it. */
export interface ProblemFilter {
  /** Undefined chooses all. */
  readonly flip: Flip | undefined;
  readonly search: string;
}

/** Read the choice of a view. */
export const problemFilter = (view: Readonly<Record<string, string>>): ProblemFilter => ({
  flip: FLIPS.find((known) => known === view.flip),
  search: view.search ?? '',
});

/** Return the problems of a choice. The text is sought in the problem and in both completions. */
export function filtered(
  problems: readonly PairedProblem[],
  { flip, search }: ProblemFilter,
): PairedProblem[] {
  const text = search.toLowerCase();
  return problems.filter(
    (problem) =>
      (flip === undefined || problem.flip === flip) &&
      [problem.expression, problem.expected, problem.before.completion, problem.after.completion].some(
        (part) => part.toLowerCase().includes(text),
      ),
  );
}

export interface FlipFilterProps {
  readonly problems: readonly PairedProblem[];
  readonly filter: ProblemFilter;
  readonly onChange: (view: { readonly flip: string; readonly search: string }) => void;
}

export function FlipFilter({ problems, filter, onChange }: FlipFilterProps) {
  const counts = flipCounts(problems);
  const { flip, search } = filter;
  return (
    <search class="flip-filter" aria-label="Filter of the problems">
      <fieldset>
        <legend class="visually-hidden">Answers that</legend>
        <Button small pressed={flip === undefined} onClick={() => onChange({ flip: '', search })}>
          all <span class="count">{problems.length}</span>
        </Button>
        {FLIPS.map((each) => (
          <Button key={each} small pressed={flip === each} onClick={() => onChange({ flip: each, search })}>
            {each} <span class="count">{counts[each]}</span>
          </Button>
        ))}
      </fieldset>
      <TextField
        label="Text in the problem or its completions"
        value={search}
        onInput={(text) => onChange({ flip: flip ?? '', search: text })}
      />
    </search>
  );
}
