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
  main.observer?.disconnect() // of an earlier run of this script
  main.observer = new ResizeObserver(() => {
    if (follows) main.scrollTo(0, main.scrollHeight)
    top = main.scrollTop // a page that shrinks is not a reader who scrolls up
  })
  main.observer.observe(main.querySelector("[data-testid=stMainBlockContainer]"))
}
