/** The ways out of the Lab and into it: the program, the run as a zip, a checkpoint, a run. */
import { useRef, useState } from 'preact/hooks';
import { navigate } from '../shell/navigation.ts';
import { Button } from '../ui/Button.tsx';
import { Code, CopyButton } from '../ui/Code.tsx';
import { Details } from '../ui/Details.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Panel } from '../ui/Panel.tsx';
import { saveFile } from '../ui/saveFile.ts';
import { filesOfRun, newRunId, runsDirectory, tellChanged } from './labFiles.ts';
import { lab } from './labRun.ts';
import { programOf } from './program.ts';
import { chosenRun, copyRun, packedRun, unpackedRun } from './runArchive.ts';
import type { Settings } from './settings.ts';

/** Bytes of the largest file that is taken: more would not train in a tab. */
const MOST_BYTES = 1 << 30;

export function Keep({ settings }: { readonly settings: Settings }) {
  const { start } = settings.preset;
  const checkpoint =
    start.from === 'bundled'
      ? start.file
      : start.from === 'file'
        ? (lab.ownFile.value?.name ?? 'model.safetensors')
        : null;
  return (
    <Panel title="Take it with you" actions={<CopyButton text={() => location.href}>Copy link</CopyButton>}>
      <div class="stack">
        <Files />
        <Details summary="View code">
          <p class="quiet">
            The same training in Node. Save it as <code>train.mjs</code>
            {checkpoint !== null && (
              <>
                {' '}
                beside <code>{checkpoint}</code>
              </>
            )}
            , and run it with <code>node train.mjs</code>. With the adapter wasm it prints the same numbers.
          </p>
          <div data-testid="code">
            <Code label="Program for Node" text={programOf(settings, checkpoint)} />
          </div>
        </Details>
      </div>
    </Panel>
  );
}

function Files() {
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const directory = useRef<HTMLInputElement>(null);
  const id = lab.keptId.value;
  const status = lab.status.value;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <div class="row files">
        <Button
          icon="download"
          testid="download"
          busy={isBusy}
          disabled={id === undefined || status === 'training' || isBusy}
          onClick={() => void attempt(() => (id === undefined ? Promise.resolve() : download(id)))}
        >
          Download the run
        </Button>
        <Button
          icon="upload"
          disabled={status === 'training' || isBusy}
          onClick={() => file.current?.click()}
        >
          Open a checkpoint or zip
        </Button>
        <Button
          icon="upload"
          disabled={status === 'training' || isBusy}
          onClick={() => directory.current?.click()}
        >
          Open a run directory
        </Button>
        {lab.ownFile.value && <span class="quiet">Checkpoint: {lab.ownFile.value.name}</span>}
        <input
          ref={file}
          type="file"
          accept=".safetensors,.pt,.pth,.zip"
          hidden
          aria-label="Checkpoint or zip of a run"
          data-testid="upload"
          onChange={({ currentTarget }) => void attempt(() => takeFiles(currentTarget, takeFile))}
        />
        <input
          ref={directory}
          type="file"
          {...{ webkitdirectory: true }}
          hidden
          aria-label="Directory of a run"
          data-testid="upload-directory"
          onChange={({ currentTarget }) =>
            void attempt(() => takeFiles(currentTarget, async (files) => adopt(await chosenRun(files))))
          }
        />
      </div>
      <p class="quiet">
        {status === 'training' ? 'Pause to download. ' : ''}Unpacked, a run goes on in Node to the same bits:{' '}
        <code>npx mathformer resume {id ?? 'RUN'} --adapter wasm</code>
      </p>
      {problem !== undefined && <Notice kind="error" title={problem} testid="upload-failure" />}
    </>
  );
}

/** Work on the chosen files, and let the same be chosen again. */
async function takeFiles(
  input: HTMLInputElement,
  take: (files: readonly File[]) => Promise<void>,
): Promise<void> {
  const files = [...(input.files ?? [])];
  input.value = '';
  if (files.length > 0) await take(files);
}

async function takeFile([file]: readonly File[]): Promise<void> {
  if (!file) return;
  if (file.size > MOST_BYTES) throw new Error(`${file.name} is over 1 GiB: give a smaller model.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (file.name.endsWith('.zip')) return adopt(await unpackedRun(bytes));
  await lab.reset(true);
  lab.ownFile.value = { name: file.name, bytes };
  navigate({ page: 'lab', settings: { preset: 'file' } });
}

/** Keep a run in this browser, and show it. */
async function adopt(run: Awaited<ReturnType<typeof unpackedRun>>): Promise<void> {
  const id = newRunId('upload');
  await copyRun(run, filesOfRun(await runsDirectory(), id));
  tellChanged(id);
  await lab.reset(true);
  await lab.open(id);
}

async function download(id: string): Promise<void> {
  saveFile(await packedRun(id, filesOfRun(await runsDirectory(), id)), `${id}.zip`);
}
