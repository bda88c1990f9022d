export default ({ parentElement, data, setTriggerValue }) => {
  const field = parentElement.querySelector("textarea")
  const [send, cancel] = parentElement.querySelectorAll("button")
  send.onclick = () => setTriggerValue("send", field.value)
  cancel.onclick = () => setTriggerValue("cancel", true)
  field.onkeydown = (event) => {
    if (event.isComposing) return
    if (event.key === "Escape") {
      event.stopPropagation() // it would stop an answer, too
      cancel.click()
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault()
      send.click()
    }
  }
  if (field.dataset.begun) return
  field.dataset.begun = true
  field.value = data[0]
  field.focus()
}
