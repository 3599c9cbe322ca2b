/** The page of an address that names none. */
import { LinkButton } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { PageTitle } from './PageTitle.tsx';

export function NotFound() {
  return (
    <div class="stack">
      <PageTitle title="Page not found" />
      <EmptyState title="The address names no page." actions={<LinkButton href="#/">First page</LinkButton>}>
        <p>It may be damaged, or of another version. Begin at the first page.</p>
      </EmptyState>
    </div>
  );
}
