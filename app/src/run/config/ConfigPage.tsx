/** The page Config of a run: its options with their help, what it ran on, how to resume and repeat it, and its files. */
import type { RunConfig } from 'mathformer/training';
import type { RunData } from '../../data/runData.ts';
import { sources } from '../../shell/sources.ts';
import { Code } from '../../ui/Code.tsx';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import type { RunTabProps } from '../tabProps.ts';
import './config.css';
import { flagsCommand, repeatCommand, resumeCommand } from './commands.ts';
import { FactList } from './FactList.tsx';
import { FileTable } from './FileTable.tsx';
import { OptionTable } from './OptionTable.tsx';
import { optionRows } from './optionRows.ts';

export function ConfigPage({ run, route }: RunTabProps) {
  const config = run.config.value;
  // Above the pages stands what is wrong with the run.
  const isTold = run.listing.value?.problem != null;
  return (
    <>
      {config.state === 'loading' && <Loading label="Reading the config" />}
      {config.state === 'failed' && !isTold && <FailureNotice error={config.error} />}
      {config.state === 'ready' && (
        <>
          <OptionTable rows={optionRows(config.value)} route={route} />
          <div class="columns config-columns">
            <FactList config={config.value} />
            <Commands run={run} config={config.value} />
          </div>
        </>
      )}
      <FileTable run={run} />
    </>
  );
}

/** Commands that resume and repeat the run; runs that are in no directory of this machine are downloaded first. */
function Commands({ run, config }: { readonly run: RunData; readonly config: RunConfig }) {
  const { source, id } = run.ref;
  const place = sources.value.get(source);
  if (!place) return <EmptyState title="The place of this run is not open." />;
  const isOnDisk = source === 'server';
  const directory = isOnDisk ? `${place.name}/${id}` : id;
  const flags = flagsCommand(config.kind, optionRows(config));
  return (
    <Panel
      title="Commands"
      note={!isOnDisk && 'The commands need the run’s directory: download the run first, and unpack it.'}
    >
      <div class="stack">
        <h3>Resume it</h3>
        <Code label="Command that resumes the run" text={resumeCommand(directory)} />
        <h3>Repeat it with its config</h3>
        <Code label="Command that repeats the run" text={repeatCommand(config.kind, directory)} />
        {flags && (
          <>
            <h3>Repeat it with flags</h3>
            <Code label="Command that repeats the run with flags" text={flags} />
          </>
        )}
      </div>
    </Panel>
  );
}
