import {
  Alert,
  createTheme,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core'

/** Dark enough on white for text (WCAG 2.2 AA), from shade 7 on. */
const petrol: MantineColorsTuple = [
  '#e6f6f6',
  '#cfeaeb',
  '#a0d5d7',
  '#6cbfc2',
  '#43acb0',
  '#2aa0a5',
  '#17878c',
  '#0b6e74',
  '#085b60',
  '#03484c',
]

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 7 },
  colors: { petrol },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  defaultRadius: 'sm',
  autoContrast: true,
  cursorType: 'pointer',
  components: {
    // The frame and the icon carry the colour; coloured titles have too little contrast.
    Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }),
  },
})

/** Faded text and placeholders that still have a contrast of 4.5:1. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#59626b',
    '--mantine-color-placeholder': '#6a737c',
    '--mantine-color-anchor': '#08626a',
    '--mantine-color-error': '#c22525',
  },
  dark: {
    '--mantine-color-dimmed': '#a6adb5',
    '--mantine-color-placeholder': '#9aa1a9',
    '--mantine-color-anchor': '#6cc5ca',
    '--mantine-color-error': '#ff8787',
  },
})

/** From the page that the server has sent: styles that scripts add carry it. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ''
}
