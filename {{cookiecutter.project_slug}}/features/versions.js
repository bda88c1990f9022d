export default ({ parentElement, data: [text, most, ...names], setTriggerValue }) => {
  const field = parentElement.querySelector("textarea")
  const files = parentElement.querySelector("fieldset")
  const [send, cancel] = parentElement.querySelectorAll("button")
  send.onclick = () => {
    const boxes = [...files.querySelectorAll("input")]
    const chosen = boxes.flatMap((box, number) => (box.checked ? [number] : []))
    if (field.reportValidity()) setTriggerValue("send", { text: field.value, files: chosen })
  }
  cancel.onclick = () => setTriggerValue("cancel", true)
  field.onkeydown = files.onkeydown = (event) => {
    if (event.isComposing) return
    if (event.key === "Escape") {
      event.stopPropagation() // it would stop an answer, too
      cancel.click()
    } else if (event.key === "Enter" && !event.shiftKey && event.target === field) {
      event.preventDefault()
      send.click()
    }
  }
  field.oninput = () => {
    const tooLong = `A question can have at most ${most.toLocaleString("en")} characters: shorten this one.`
    field.setCustomValidity(field.value.length > most ? tooLong : "")
  }
  if (field.dataset.begun) return
  field.dataset.begun = true
  field.value = text
  files.hidden = !names.length
  for (const name of names) {
    const label = files.appendChild(document.createElement("label"))
    label.append(Object.assign(document.createElement("input"), { type: "checkbox", checked: true }), name)
  }
  field.focus()
}
