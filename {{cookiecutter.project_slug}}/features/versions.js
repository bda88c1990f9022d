export default ({ parentElement, data, setTriggerValue }) => {
  const field = parentElement.querySelector("textarea")
  const [send, cancel] = parentElement.querySelectorAll("button")
  send.onclick = () => setTriggerValue("send", field.value)
  cancel.onclick = () => setTriggerValue("cancel", true)
  field.onkeydown = (event) => {
    if (event.key === "Escape") cancel.click()
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
    event.preventDefault()
    send.click()
  }
  if (field.dataset.begun) return
  field.dataset.begun = true
  field.value = data[0]
  field.focus()
}
