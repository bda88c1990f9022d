// Streamlit scrolls along with a growing chat only where the chat input is in no fragment. This scrolls along from
// sending a question until the reader scrolls up.
{
  const main = document.querySelector("[data-testid=stMain]")
  let follows = true
  let top = 0
  main.onscroll = () => {
    const atBottom = main.scrollTop + main.clientHeight > main.scrollHeight - 40
    follows = atBottom || (follows && main.scrollTop >= top)
    top = main.scrollTop
  }
  main.parentElement.onkeydown = ({ key, target }) => {
    if (key === "Enter" && target.matches("textarea")) follows = true
  }
  main.parentElement.addEventListener("click", ({ target }) => {
    if (target.closest("[data-testid=stChatInputSubmitButton], [class*=st-key-app-starter]")) follows = true
  }, true)
  // Streamlit's fields would take nothing of a text that is too long, and its chat input would send a question without
  // the files in red: both without a word.
  const MAX_LETTERS = 100_000
  // Of a file that a server refuses, Streamlit gives the status alone; a proxy may make another of a 403.
  const REFUSED = "The file did not arrive. If this page is inside another site's, open it in a tab of its own."
  const TOO_LARGE = "The file is too large for a server on the way, or this session has sent too many."
  const problemWith = ({ type, target, key, shiftKey, isComposing, data }, input) => {
    if (type === "beforeinput") {
      const length = target.value.length - (target.selectionEnd - target.selectionStart) + (data?.length ?? 0)
      if (length <= MAX_LETTERS) return ""
      const instead = input.matches("[data-testid=stChatInput]") ? ": attach a longer text as a file" : ""
      return `Only ${MAX_LETTERS.toLocaleString("en")} letters fit here${instead}.`
    }
    const sends = type === "click" ? target.closest("button[aria-label^=Send]") : key === "Enter" && !shiftKey
    const why = input.querySelector("[aria-invalid=true] [role=alert]")
    if (!sends || isComposing || !why) return ""
    const said = why.textContent.replace("Error: ", "")
    const reason = !said.startsWith("AxiosError") ? said : said.endsWith("413") ? TOO_LARGE : REFUSED
    return `${reason} Take off the file in red first.`
  }
  const check = (event) => {
    const input = event.target.closest("[data-testid=stChatInput], [data-testid=stTextArea]")
    if (!input) return
    const place = input.querySelector(".problem") ?? input.appendChild(document.createElement("p"))
    const problem = problemWith(event, input)
    Object.assign(place, { className: "problem", role: "alert", textContent: problem })
    if (!problem) return
    event.preventDefault()
    event.stopPropagation()
  }
  for (const type of ["beforeinput", "keydown", "click"]) document.body.addEventListener(type, check, true)
  main.observer?.disconnect() // of an earlier run of this script
  main.observer = new ResizeObserver(() => {
    if (follows) main.scrollTo(0, main.scrollHeight)
    top = main.scrollTop // a page that shrinks is not a reader who scrolls up
  })
  main.observer.observe(main.querySelector("[data-testid=stMainBlockContainer]"))
}
