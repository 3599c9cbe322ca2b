/** Advice that names flags of the command line, which stay in one line each. */

const FLAG = /(--\w+)/;

/** Write a text; its flags, such as `--lr`, are set as code. */
export function Advice({ text }: { readonly text: string }) {
  return <>{text.split(FLAG).map((part, i) => (i % 2 === 1 ? <code class="flag">{part}</code> : part))}</>;
}
