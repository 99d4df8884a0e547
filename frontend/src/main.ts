import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { i18n } from './lib/i18n/index.svelte';
import { install } from './lib/shell/install.svelte';
import { home } from './lib/shell/routes';
import { startWorker } from './lib/shell/worker.svelte';
import { router } from './lib/state/router.svelte';
import { session } from './lib/state/session.svelte';
import { theme } from './lib/state/theme.svelte';

theme.start();
router.start();
// An address of its own, so that it is still the same page when it is loaded again.
if (router.place.segments.length === 0) router.replace([home()]);
session.start();
install.start();
await i18n.start();

const target = document.getElementById('app');
if (target) mount(App, { target });
if (import.meta.env.PROD) startWorker();
