import { VisuallyHidden } from '@mantine/core'
import { IconCircle, IconCircleCheck, IconCircleDot, IconCircleMinus } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Command } from '../../api/types'
import { type Progress, stepsOf } from './steps'
import classes from './commands.module.css'

const ICONS: Record<Progress, typeof IconCircle> = {
  done: IconCircleCheck,
  current: IconCircleDot,
  ahead: IconCircle,
  skipped: IconCircleMinus,
}

/** Its way: sent, on the machine, operator, running, end. */
export function CommandSteps({
  command,
  asksOperator,
}: {
  command: Command
  asksOperator: boolean
}) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  return (
    <ol className={classes.steps} aria-label={own('command.steps')}>
      {stepsOf(command, asksOperator).map(({ step, progress }) => {
        const Icon = ICONS[progress]
        const isEnd = step === 'end' && progress === 'done'
        return (
          <li
            key={step}
            className={classes.step}
            data-progress={progress}
            aria-current={progress === 'current' ? 'step' : undefined}
          >
            <Icon size={18} aria-hidden="true" />
            <span>{isEnd ? t(`commandState.${command.state}`) : own(`command.step.${step}`)}</span>
            <VisuallyHidden>{own(`command.progress.${progress}`)}</VisuallyHidden>
          </li>
        )
      })}
    </ol>
  )
}
