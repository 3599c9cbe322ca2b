/** The adapter in use, warnings, and what went wrong, each with what to do. */
import { Notice } from '../ui/Notice.tsx';
import { lab } from './labRun.ts';

export function Messages() {
  const failure = lab.failure.value;
  const adapter = lab.adapter.value;
  return (
    <div class="messages">
      {failure && <Notice kind="error" title={failure.problem} fix={failure.fix} testid="failure" />}
      {lab.notices.value.map(({ kind, title, fix }) => (
        <Notice key={title} kind={kind} title={title} fix={fix} />
      ))}
      {adapter && (
        <p class="adapter quiet" data-testid="adapter-in-use">
          <strong>{adapter.kind === 'wasm' ? 'WebAssembly' : 'WebGPU'}</strong> ({adapter.description}).{' '}
          {adapter.why}
        </p>
      )}
    </div>
  );
}
