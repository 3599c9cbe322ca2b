/** Offers a new version of the app. */
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/Notice.tsx';
import './updateNotice.css';
import { update, version } from './updates.ts';

export function UpdateNotice() {
  const state = version();
  if (state === 'current') return null;
  return (
    <div class="update-notice no-print">
      <Notice
        kind="info"
        title={state === 'waiting' ? 'A new version is here.' : 'Another tab loaded a new version.'}
        fix="Load the page again to use it. Runs of this browser stay."
        actions={
          <Button small onClick={update}>
            Load again
          </Button>
        }
      />
    </div>
  );
}
