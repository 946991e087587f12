import { Code, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { Command } from '../../api/types'
import classes from './commands.module.css'

/** From the end of the output so many pixels count as being there. */
const NEAR_END = 24

/** What it prints, as it comes; follows the end unless somebody has scrolled up. */
export function CommandOutput({ command }: { command: Command }) {
  const { t } = useTranslation('machine')
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [command.output])
  if (!command.output) return null
  return (
    <div>
      <Text size="sm" fw={600}>
        {t('command.output')}
      </Text>
      {command.output_cut && (
        <Text size="sm" c="dimmed">
          {t('command.outputCut')}
        </Text>
      )}
      <Code
        block
        ref={box}
        className={classes.output}
        tabIndex={0}
        role="log"
        aria-label={t('command.output')}
        onScroll={({ currentTarget: it }) => {
          follows.current = it.scrollHeight - it.scrollTop - it.clientHeight < NEAR_END
        }}
      >
        {command.output}
      </Code>
    </div>
  )
}
