/** The facts of a run: its model, adapter, versions and commit, and each time it was resumed. */
import type { RunConfig } from 'mathformer/training';
import { Panel } from '../../ui/Panel.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import { shownOption } from './optionRows.ts';

/** A fact of config.json. */
type Fact = readonly [name: string, value: unknown];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const factsOf = (value: unknown): readonly Fact[] => (isRecord(value) ? Object.entries(value) : []);

export function FactList({ config }: { readonly config: RunConfig }) {
  const {
    kind,
    startedAt,
    gitCommit,
    checkpoint,
    evaluation,
    model,
    adapter,
    versions,
    kernels,
    resumed = [],
  } = config;
  return (
    <Panel title="The run">
      <div class="stack">
        <Facts
          title="Begin"
          facts={[
            ['kind', kind],
            ['started', startedAt],
            ['commit', gitCommit],
            ['checkpoint', checkpoint ?? 'random weights'],
            ...factsOf(evaluation).map(([name, value]): Fact => [`evaluation ${name}`, value]),
          ]}
        />
        <Facts title="Model" facts={factsOf(model)} />
        <Facts title="Adapter" facts={[...factsOf(adapter), ...factsOf(kernels)]} />
        <Facts title="Versions" facts={factsOf(versions)} />
        {resumed.map((session, i) => (
          <Facts
            key={i}
            title={`Resumed, ${i + 1}`}
            facts={factsOf(session).flatMap(([name, value]) =>
              isRecord(value)
                ? factsOf(value).map(([inner, text]): Fact => [`${name} ${inner}`, text])
                : [[name, value]],
            )}
          />
        ))}
      </div>
    </Panel>
  );
}

function Facts({ title, facts }: { readonly title: string; readonly facts: readonly Fact[] }) {
  if (facts.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl class="config-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{visibleText(name)}</dt>
            <dd class="mono">{visibleText(shownOption(value))}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
