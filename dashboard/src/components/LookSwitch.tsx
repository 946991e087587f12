import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconMoon, IconSun } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'

/** Dark or light. */
export function LookSwitch() {
  const { t } = useTranslation()
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light') === 'dark'
  const other = dark ? 'light' : 'dark'
  return (
    <ActionIcon
      variant="subtle"
      onClick={() => setColorScheme(other)}
      aria-label={`${t('look.title')}: ${t(`look.${other}`)}`}
    >
      {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  )
}
