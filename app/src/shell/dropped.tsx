/** Opens directories of runs that a person drops on Runs, or chooses. */
import { signal, useSignal } from '@preact/signals';
import { MathformerError } from 'mathformer';
import { useEffect, useRef } from 'preact/hooks';
import { chosenFiles, type DroppedFile, droppedFiles, holdsFiles } from '../data/droppedFiles.ts';
import { Button } from '../ui/Button.tsx';
import { FailureNotice } from '../ui/FailureNotice.tsx';
import './dropped.css';
import { navigate } from './navigation.ts';
import { runRoute } from './routes.ts';
import { addSource } from './sources.ts';

/** All files that were dropped so far: a directory of a name that was there before takes its place. */
let kept: readonly DroppedFile[] = [];

/** The fault of the last directory. */
const failure = signal<unknown>(undefined);

/** Add the runs of a directory. @throws MathformerError if it holds none. */
async function openDirectory(files: readonly DroppedFile[]): Promise<void> {
  const { droppedSource } = await import('../data/droppedSource.ts');
  const added = droppedSource(files);
  if (!added) {
    throw new MathformerError('the directory holds no run', {
      code: 'NO_RUN',
      where: files.map(rootOf).at(0) ?? 'the directory',
      fix: 'open one that has a config.json, or that holds such directories',
    });
  }
  const roots = new Set(files.map(rootOf));
  kept = [...kept.filter((file) => !roots.has(rootOf(file))), ...files];
  addSource('dropped', droppedSource(kept) ?? added);
  const [run, ...others] = await added.list();
  if (run && others.length === 0) navigate(runRoute({ source: 'dropped', id: run.id }));
}

const rootOf = ({ path }: DroppedFile): string => path.split('/', 1).join();

/** Takes directories that are dropped anywhere on the page. */
export function DropTarget() {
  const isOver = useSignal(false);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (!holdsFiles(event.dataTransfer)) return;
      event.preventDefault();
      isOver.value = true;
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) isOver.value = false;
    };
    const drop = async (event: DragEvent): Promise<void> => {
      if (!event.dataTransfer || !holdsFiles(event.dataTransfer)) return;
      event.preventDefault();
      isOver.value = false;
      failure.value = await failureOf(droppedFiles(event.dataTransfer));
    };
    const listeners = new AbortController();
    const { signal } = listeners;
    addEventListener('dragover', over, { signal });
    addEventListener('dragleave', leave, { signal });
    addEventListener('drop', drop, { signal });
    return () => listeners.abort();
  }, [isOver]);
  return (
    <>
      {failure.value !== undefined && (
        <div class="drop-failure">
          <FailureNotice error={failure.value} />
        </div>
      )}
      {isOver.value && (
        <div class="drop-target">Drop a directory of runs to look at it. Nothing leaves this browser.</div>
      )}
    </>
  );
}

/** A button that opens a directory of runs. */
export function OpenDirectoryButton() {
  const input = useRef<HTMLInputElement>(null);
  // The attribute has no property of its name in every browser.
  useEffect(() => input.current?.setAttribute('webkitdirectory', ''), []);
  return (
    <>
      <Button icon="drop" onClick={() => input.current?.click()}>
        Open a directory
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        onChange={async ({ currentTarget }) => {
          failure.value = await failureOf(Promise.resolve(chosenFiles(currentTarget)));
          currentTarget.value = '';
        }}
      />
    </>
  );
}

/** Open the directory that the files are of. @returns the error if that fails. */
async function failureOf(files: Promise<readonly DroppedFile[]>): Promise<unknown> {
  try {
    await openDirectory(await files);
    return undefined;
  } catch (error) {
    return error;
  }
}
