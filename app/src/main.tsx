/** The app's entry: it draws the page that the address names. */
import { render } from 'preact';
import './styles/index.css';
import { App } from './shell/App.tsx';

const root = document.getElementById('app');
if (root) render(<App />, root);
