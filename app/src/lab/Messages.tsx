/** Warnings, and what went wrong, each with what to do; and the adapter in use. */
import { Notice } from '../ui/Notice.tsx';
import { lab } from './labRun.ts';

export function Messages() {
  const failure = lab.failure.value;
  return (
    <div class="messages">
      {failure && <Notice kind="error" title={failure.problem} fix={failure.fix} testid="failure" />}
      {lab.notices.value.map(({ kind, title, fix }) => (
        <Notice key={title} kind={kind} title={title} fix={fix} />
      ))}
    </div>
  );
}

/** The adapter that trains, and why it was taken. */
export function AdapterNote() {
  const adapter = lab.adapter.value;
  if (!adapter) return null;
  const { kind, description, why } = adapter;
  return (
    <p class="adapter quiet" data-testid="adapter-in-use">
      <strong>{kind === 'wasm' ? 'WebAssembly' : 'WebGPU'}</strong> ({description}). {why}
    </p>
  );
}
