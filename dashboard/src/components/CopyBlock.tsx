import { Button, Code, Group, Text, VisuallyHidden } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import classes from './CopyBlock.module.css'

const TOLD_MS = 2_000

/** A text to be copied as it stands, such as a command, with what it is and a button. */
export function CopyBlock({ label, text }: { label: string; text: string }) {
  const { t } = useTranslation()
  const clipboard = useClipboard({ timeout: TOLD_MS })
  const done = clipboard.copied
  return (
    <div>
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Text size="sm" fw={600}>
          {label}
        </Text>
        <Button
          size="compact-sm"
          flex="none"
          variant="default"
          leftSection={done ? <IconCheck size={14} /> : <IconCopy size={14} />}
          onClick={() => clipboard.copy(text)}
        >
          {done ? t('action.copied') : t('action.copy')}
          <VisuallyHidden>: {label}</VisuallyHidden>
        </Button>
      </Group>
      <Code block className={classes.text} tabIndex={0} aria-label={label} role="group">
        {text}
      </Code>
    </div>
  )
}
