/** Right or wrong, by a shape and a word. */
import { Badge } from '../ui/Badge.tsx';

export function Verdict({ correct }: { readonly correct: boolean }) {
  return <Badge tone={correct ? 'good' : 'bad'}>{correct ? '✓ right' : '✗ wrong'}</Badge>;
}
