import { Alert, Button, Group, Modal, Stack } from '@mantine/core'
import type { FormEvent, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError } from '../../../api/problem'
import type { Machine } from '../../../api/types'
import { useTroubleText } from '../../../components/trouble'

/** What every dialog about a machine is given. */
export interface MachineDialogProps {
  machine: Machine
  opened: boolean
  onClose: () => void
}

interface FormDialogProps {
  opened: boolean
  onClose: () => void
  title: string
  children: ReactNode
}

/** A dialog; its content begins anew each time that it is opened. */
export function FormDialog({ opened, onClose, title, children }: FormDialogProps) {
  const { t } = useTranslation()
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      {children}
    </Modal>
  )
}

interface DialogFormProps {
  children: ReactNode
  submit: string
  dangerous?: boolean
  disabled?: boolean
  busy: boolean
  /** What the platform has refused; what belongs to a field is shown there too. */
  error: unknown
  onSubmit: () => void
  onClose: () => void
}

/** Fields, what was refused, and the two buttons. */
export function DialogForm(props: DialogFormProps) {
  const { t } = useTranslation()
  const text = useTroubleText()
  const submit = (event: FormEvent) => {
    event.preventDefault()
    props.onSubmit()
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <div aria-live="assertive">
          {props.error !== null && props.error !== undefined && (
            <Alert color="red" variant="outline">
              {text(props.error)}
            </Alert>
          )}
        </div>
        {props.children}
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose}>
            {t('action.cancel')}
          </Button>
          <Button
            type="submit"
            color={props.dangerous ? 'red.8' : undefined}
            disabled={props.disabled}
            loading={props.busy}
          >
            {props.submit}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** The platform's words about a field. */
export function fieldError(error: unknown, field: string): string | undefined {
  return error instanceof ProblemError ? error.fields[field] : undefined
}
