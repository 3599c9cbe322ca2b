/** A traced group: its problem, and its completions token by token. */
import type { StepTrace, TracedCompletion, TracedGroup } from 'mathformer/training';
import { useMemo, useState } from 'preact/hooks';
import { Badge } from '../../ui/Badge.tsx';
import { formatNumber, formatSigned } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { visibleText, visibleToken } from '../../ui/visibleText.ts';
import { ScaleLegend } from './ScaleLegend.tsx';
import { TokenLine } from './TokenLine.tsx';
import { type Measure, ratiosOf, scaleOf, tokenValues } from './tokenMeasures.ts';

export interface TracedGroupViewProps {
  readonly trace: StepTrace;
  readonly group: TracedGroup;
  readonly measure: Measure;
  /** Completions without this text are left out. */
  readonly search: string;
}

/** A token of the group. */
interface TokenPlace {
  readonly completion: number;
  readonly token: number;
}

export function TracedGroupView({ trace, group, measure, search }: TracedGroupViewProps) {
  const [chosen, setChosen] = useState<TokenPlace>();
  const scale = useMemo(() => scaleOf(trace, measure), [trace, measure]);
  const found = group.completions.flatMap((completion, index) =>
    completion.texts.join('').toLowerCase().includes(search.toLowerCase()) ? [{ completion, index }] : [],
  );
  const place = chosen && group.completions[chosen.completion];
  return (
    <Panel title={`Problem ${visibleText(group.expression.trim())}`} note={<Prompt group={group} />}>
      <div class="stack traced-group">
        <ScaleLegend measure={measure} scale={scale} />
        <TokenReadout completion={place} token={chosen?.token ?? -1} loss={trace.loss} />
        <table class="completions">
          <thead>
            <tr>
              <th scope="col">Verdict</th>
              <th scope="col" class="number">
                Reward
              </th>
              <th scope="col" class="number">
                Advantage
              </th>
              <th scope="col">Completion</th>
            </tr>
          </thead>
          <tbody data-testid="completions">
            {found.map(({ completion, index }) => (
              <tr key={index}>
                <td>
                  <Verdict completion={completion} />
                </td>
                <td class="number">{formatNumber(completion.reward)}</td>
                <td class="number">{formatSigned(completion.advantage)}</td>
                <td>
                  <TokenLine
                    label={`Completion ${index + 1}`}
                    texts={completion.texts}
                    values={tokenValues(completion, measure, trace.loss)}
                    scale={scale}
                    chosen={chosen?.completion === index ? chosen.token : -1}
                    onChoose={(token) => setChosen({ completion: index, token })}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {found.length === 0 && <p class="quiet">No completion of this group has that text.</p>}
      </div>
    </Panel>
  );
}

function Prompt({ group }: { readonly group: TracedGroup }) {
  return (
    <>
      Prompt <span class="mono ink">{group.prompt.map(visibleToken).join('')}</span> · expected answer{' '}
      <span class="mono ink">{visibleText(group.expected)}</span>
    </>
  );
}

function Verdict({ completion: { correct, finished } }: { readonly completion: TracedCompletion }) {
  if (correct) return <Badge tone="good">✓ right</Badge>;
  return <Badge tone="bad">{finished ? '✗ wrong' : '✗ cut off'}</Badge>;
}

interface TokenReadoutProps {
  readonly completion: TracedCompletion | undefined;
  readonly token: number;
  readonly loss: string;
}

/** All values of the token under the cursor. */
function TokenReadout({ completion, token, loss }: TokenReadoutProps) {
  const text = completion?.texts[token];
  if (!completion || text === undefined) {
    return (
      <p class="token-readout quiet">
        Point at a token, or move to it with the arrow keys, to read its values.
      </p>
    );
  }
  const { logp, oldLogp, proxLogp, entropy, kl, advantage } = completion;
  const values = [
    ['ℓ', logp[token]],
    ['ℓ_old', oldLogp[token]],
    ...(proxLogp ? ([['ℓ before the step', proxLogp[token]]] as const) : []),
    ['ratio', ratiosOf(completion, loss)[token]],
    ['advantage', advantage],
    ['entropy', entropy[token]],
    ['KL', kl[token]],
  ] as const;
  return (
    <dl class="token-readout" aria-live="polite">
      <div>
        <dt>token {token + 1}</dt>
        <dd class="mono">{visibleToken(text)}</dd>
      </div>
      {values.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{formatNumber(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
