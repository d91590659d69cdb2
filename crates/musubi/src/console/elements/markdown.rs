//! Notes as people write them, in Markdown (CommonMark), and nothing that a note could do to its reader.
//!
//! Raw HTML is dropped, images are their words, and links lead to pages of ours alone: where a note names another place, the place stands
//! beside the words, defanged, to be read and not to be clicked.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::defang::defang;
use crate::console::visit::own_path;

/// Longer notes are cut.
const LONGEST: usize = 64 << 10;

/// A note as a page shows it.
pub(crate) fn markdown(text: &str) -> Markup {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    // Where each link that is open leads; none: to a page of ours, as a link.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    for event in Parser::new_ext(&text[..end], options) {
        match event {
            // A page of ours begins with its own headings.
            Event::Start(Tag::Heading { .. }) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::Heading(_)) => events.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::HtmlBlock | Tag::Image { .. }) | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {}
            Event::Html(_) | Event::InlineHtml(_) => {}
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => match own_path(&dest_url) {
                Some(_) => {
                    open.push(None);
                    events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
                None => open.push(Some(dest_url.into_string())),
            },
            Event::End(TagEnd::Link) => match open.pop() {
                // What is no page of the web is not named: its words are left.
                Some(Some(foreign)) if !is_web(&foreign) => {}
                Some(Some(foreign)) => events.push(Event::Text(CowStr::from(format!(" ({})", defang(&foreign))))),
                Some(None) => events.push(Event::End(TagEnd::Link)),
                None => {}
            },
            // The words of a link that leads away may name it themselves.
            Event::Text(words) if open.last().is_some_and(Option::is_some) => events.push(Event::Text(CowStr::from(defang(&words)))),
            other => events.push(other),
        }
    }
    let mut out = String::with_capacity(end * 2);
    pulldown_cmark::html::push_html(&mut out, events.into_iter());
    html! { div.note { (PreEscaped(out)) } }
}

fn is_web(link: &str) -> bool {
    let lower = link.trim().to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        markdown(text).into_string()
    }

    #[test]
    fn a_note_does_nothing_to_its_reader() {
        for hostile in [
            "<script>alert(1)</script>",
            "hello <img src=x onerror=alert(1)> there",
            "<svg onload=alert(1)><circle/></svg>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "![x](https://evil.example/pixel.png)",
            "<https://evil.example/a>",
            "[x](//evil.example/a)",
            "[x](/\\evil.example)",
            "[a]: javascript:alert(1)\n\n[a]",
            "<a href=\"javascript:alert(1)\" onclick=x>y</a>",
            "<style>body{display:none}</style>",
            "<iframe src=//evil.example></iframe>",
            "```\"><script>alert(1)</script>\nx\n```",
            "`<script>`",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "[x](/cases \"\\\" onclick=\\\"alert(1)\")",
        ] {
            let html = shown(hostile);
            let lower = html.to_lowercase();
            for never in [
                "<script",
                "<img",
                "<svg",
                "<iframe",
                "<style",
                "href=\"javascript",
                "href=\"data",
                "href=\"vbscript",
                "href=\"http",
                "href=\"//",
                "href=\"/\\",
            ] {
                assert!(!lower.contains(never), "{hostile:?} became {html}");
            }
            assert!(!lower.contains("javascript:"), "{hostile:?} became {html}");
            assert!(!html.contains("onclick=\"alert"), "{html}");
        }
    }

    #[test]
    fn what_notes_are_for_is_there() {
        assert_eq!(
            shown("**two** of [c7](/cases/c7)"),
            "<div class=\"note\"><p><strong>two</strong> of <a href=\"/cases/c7\">c7</a></p>\n</div>"
        );
        let foreign = shown("see [the page](https://evil.example/x) and <http://198.51.100.7/a>");
        assert!(foreign.contains("the page (hxxps://evil[.]example/x)") && foreign.contains("hxxp://198[.]51[.]100[.]7/a"), "{foreign}");
        assert!(shown("# big").contains("<p>big</p>"), "headings belong to the page");
        assert!(shown("- [x] done\n- [ ] not").contains("checkbox"));
        assert!(shown(&"あ".repeat(LONGEST)).len() > 10_000);
    }
}
