import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { i18n } from './lib/i18n/index.svelte';
import { router } from './lib/state/router.svelte';
import { session } from './lib/state/session.svelte';
import { theme } from './lib/state/theme.svelte';

theme.start();
router.start();
session.start();
await i18n.start();

const target = document.getElementById('app');
if (target) mount(App, { target });
