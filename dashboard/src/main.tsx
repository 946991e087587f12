import './app/styles'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { followReadiness } from './api/readiness'
import { followOtherTabs } from './api/session'
import { App } from './app/App'
import { styleNonce } from './app/theme'
import { startTexts } from './texts'

// Dialogs keep what is behind them from scrolling with a style of their own (get-nonce reads this).
Object.assign(globalThis, { __webpack_nonce__: styleNonce() })

async function start(root: HTMLElement): Promise<void> {
  followOtherTabs()
  followReadiness()
  await startTexts()
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
}

const root = document.getElementById('root')
if (root) void start(root)
