//! Text on A4 as PDF, Japanese and English, with only the glyphs it uses.
//!
//! A line breaks where both languages allow it: at blanks, and between Japanese characters except where one may not begin or end a line
//! (kinsoku). What stands on every page is drawn when all pages are known.

mod font;

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId, Tag};

pub(super) use font::Font;

/// A4 in points, and the room around the text.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const SIDE: f32 = 54.0;
const TOP: f32 = 66.0;
const BOTTOM: f32 = 60.0;
/// Pages at most: a report is to be read.
const PAGES: usize = 200;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum PdfError {
    #[error("the font cannot be read: {0}")]
    Font(String),
}

/// Glyphs at a place.
struct Run {
    x: f32,
    y: f32,
    size: f32,
    glyphs: Vec<u16>,
}

/// What a document looks like.
pub(super) struct Paper<'f> {
    font: &'f Font,
    face: Face<'f>,
    remapper: GlyphRemapper,
    /// New glyph → what it stands for, and how wide it is in thousandths.
    used: BTreeMap<u16, (char, f32)>,
    pages: Vec<Vec<Run>>,
    /// From the top of the page.
    y: f32,
    /// On every page: above, and below before the number of the page.
    mark: String,
    foot: String,
}

/// Characters that may not begin a line, and those that may not end one (JIS X 4051).
const NOT_FIRST: &str = "、。，．・：；？！）」』】〕〉》］｝〟’”ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.:;?!)]}%…‥";
const NOT_LAST: &str = "（「『【〔〈《［｛〝‘“([{";

fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0xff00..=0xffef | 0x20000..=0x3ffff)
}

/// May a line end between these?
fn breaks(before: char, after: char) -> bool {
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) {
        return false;
    }
    before == ' ' || is_wide(before) || is_wide(after) || (matches!(before, '/' | '-' | '?' | '&' | ']') && after != ' ')
}

impl<'f> Paper<'f> {
    /// An empty document with what stands on every page.
    pub(super) fn new(font: &'f Font, mark: &str, foot: &str) -> Result<Self, PdfError> {
        let face = Face::parse(&font.bytes, font.index).map_err(|error| PdfError::Font(error.to_string()))?;
        Ok(Self {
            font,
            face,
            remapper: GlyphRemapper::new(),
            used: BTreeMap::new(),
            pages: vec![Vec::new()],
            y: TOP,
            mark: mark.to_owned(),
            foot: foot.to_owned(),
        })
    }

    /// Thousandths of the size.
    fn advance(&self, glyph: GlyphId) -> f32 {
        f32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0)) * 1000.0 / f32::from(self.face.units_per_em().max(1))
    }

    fn width(&self, c: char, size: f32) -> f32 {
        self.advance(self.face.glyph_index(c).unwrap_or_default()) * size / 1000.0
    }

    fn glyphs(&mut self, text: &str) -> Vec<u16> {
        let mut glyphs = Vec::with_capacity(text.len());
        for c in text.chars() {
            let glyph = self.face.glyph_index(c).unwrap_or_default();
            let new = self.remapper.remap(glyph.0);
            let width = self.advance(glyph);
            self.used.entry(new).or_insert((c, width));
            glyphs.push(new);
        }
        glyphs
    }

    /// Text in lines no wider than this.
    fn lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let characters: Vec<char> = paragraph.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let (mut from, mut at, mut wide, mut last) = (0, 0, 0.0, None);
            while at < characters.len() {
                wide += self.width(characters[at], size);
                if wide > width && at > from {
                    // Where nothing allows a break the word is cut.
                    let end = last.filter(|end| *end > from).unwrap_or(at);
                    lines.push(characters[from..end].iter().collect::<String>().trim_end().to_owned());
                    from = end;
                    while characters.get(from) == Some(&' ') {
                        from += 1;
                    }
                    (at, wide, last) = (from, 0.0, None);
                    continue;
                }
                if characters.get(at + 1).is_some_and(|next| breaks(characters[at], *next)) {
                    last = Some(at + 1);
                }
                at += 1;
            }
            if from < characters.len() || characters.is_empty() {
                lines.push(characters[from.min(characters.len())..].iter().collect());
            }
        }
        lines
    }

    /// Makes sure that so much fits on the page.
    fn room(&mut self, height: f32) {
        if self.y + height > HEIGHT - BOTTOM {
            self.new_page();
        }
    }

    pub(super) fn new_page(&mut self) {
        if self.pages.len() < PAGES && self.pages.last().is_some_and(|page| !page.is_empty()) {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    fn put(&mut self, x: f32, y: f32, size: f32, text: &str) {
        let glyphs = self.glyphs(text);
        if let Some(page) = self.pages.last_mut() {
            page.push(Run { x, y, size, glyphs });
        }
    }

    /// A text at this size, from the left edge and `indent` on.
    pub(super) fn text(&mut self, text: &str, size: f32, indent: f32) {
        for line in self.lines(text, size, WIDTH - 2.0 * SIDE - indent) {
            self.room(size * 1.5);
            self.y += size * 1.5;
            self.put(SIDE + indent, self.y, size, &line);
        }
    }

    /// A heading with room above it, never alone at the end of a page.
    pub(super) fn heading(&mut self, text: &str) {
        self.room(70.0);
        self.y += 14.0;
        self.text(text, 13.0, 0.0);
        self.y += 3.0;
    }

    /// A line of a list.
    pub(super) fn item(&mut self, text: &str) {
        self.room(15.0);
        let (x, y) = (SIDE, self.y + 15.0);
        self.put(x, y, 10.0, "・");
        self.text(text, 10.0, 14.0);
    }

    /// Columns beside each other, each as wide as it is told in parts of the whole.
    pub(super) fn row(&mut self, cells: &[(&str, f32)], size: f32) {
        let whole = WIDTH - 2.0 * SIDE;
        let told: Vec<(Vec<String>, f32)> = cells.iter().map(|(text, part)| (self.lines(text, size, whole * part - 6.0), *part)).collect();
        let height = told.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0) as f32 * size * 1.4;
        self.room(height);
        let mut x = SIDE;
        for (lines, part) in &told {
            for (at, line) in lines.iter().enumerate() {
                self.put(x, self.y + (at as f32 + 1.0) * size * 1.4, size, line);
            }
            x += whole * part;
        }
        self.y += height + 2.0;
    }

    /// The file.
    pub(super) fn finish(mut self, title: &str, language: &str) -> Result<Vec<u8>, PdfError> {
        let count = self.pages.len();
        let (mark, foot) = (self.mark.clone(), self.foot.clone());
        let mark_width: f32 = mark.chars().map(|c| self.width(c, 11.0)).sum();
        for page in 0..count {
            let number = format!("{foot}  {} / {count}", page + 1);
            let above = Run { x: WIDTH - SIDE - mark_width, y: 40.0, size: 11.0, glyphs: self.glyphs(&mark) };
            let below = Run { x: SIDE, y: HEIGHT - 32.0, size: 8.5, glyphs: self.glyphs(&number) };
            let again = Run { x: WIDTH - SIDE - mark_width, y: HEIGHT - 32.0, size: 11.0, glyphs: self.glyphs(&mark) };
            self.pages[page].extend([above, below, again]);
        }
        let mut pdf = Pdf::new();
        let [catalog, tree, font, descendant, descriptor, file, unicode, info] = [1, 2, 3, 4, 5, 6, 7, 8].map(Ref::new);
        let place = |page: usize| (Ref::new(9 + 2 * page as i32), Ref::new(10 + 2 * page as i32));
        pdf.catalog(catalog).pages(tree).lang(TextStr(language));
        pdf.document_info(info).title(TextStr(title)).producer(TextStr("Musubi"));
        pdf.pages(tree).kids((0..count).map(|page| place(page).0)).count(count as i32);
        let name = Name(b"F");
        for (at, runs) in self.pages.iter().enumerate() {
            let (page_id, content_id) = place(at);
            let mut page = pdf.page(page_id);
            page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content_id);
            page.resources().fonts().pair(name, font);
            page.finish();
            let mut content = Content::new();
            for run in runs {
                let bytes: Vec<u8> = run.glyphs.iter().flat_map(|glyph| glyph.to_be_bytes()).collect();
                content.begin_text().set_font(name, run.size).next_line(run.x, HEIGHT - run.y).show(Str(&bytes)).end_text();
            }
            pdf.stream(content_id, &packed(&content.finish())).filter(Filter::FlateDecode);
        }
        self.embed(&mut pdf, [font, descendant, descriptor, file, unicode])?;
        Ok(pdf.finish())
    }

    /// The font, with the glyphs that were used and what they stand for.
    fn embed(&self, pdf: &mut Pdf, [font, descendant, descriptor, file, unicode]: [Ref; 5]) -> Result<(), PdfError> {
        let subset =
            subsetter::subset(&self.font.bytes, self.font.index, &self.remapper).map_err(|error| PdfError::Font(error.to_string()))?;
        let outlines = ttf_parser::RawFace::parse(&subset, 0).ok().and_then(|raw| raw.table(Tag::from_bytes(b"CFF ")));
        let base = Name(b"MUSUBI+Report");
        let system = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
        pdf.type0_font(font).base_font(base).encoding_predefined(Name(b"Identity-H")).descendant_font(descendant).to_unicode(unicode);
        let mut cid = pdf.cid_font(descendant);
        cid.subtype(if outlines.is_some() { CidFontType::Type0 } else { CidFontType::Type2 });
        cid.base_font(base).system_info(system).font_descriptor(descriptor).default_width(1000.0);
        if outlines.is_none() {
            cid.cid_to_gid_map_predefined(Name(b"Identity"));
        }
        let mut widths = cid.widths();
        for (glyph, (_, width)) in &self.used {
            widths.same(*glyph, *glyph, *width);
        }
        widths.finish();
        cid.finish();
        let scale = 1000.0 / f32::from(self.face.units_per_em().max(1));
        let bounds = self.face.global_bounding_box();
        let of = |value: i16| f32::from(value) * scale;
        let mut told = pdf.font_descriptor(descriptor);
        told.name(base).flags(FontFlags::SYMBOLIC).bbox(Rect::new(of(bounds.x_min), of(bounds.y_min), of(bounds.x_max), of(bounds.y_max)));
        told.italic_angle(0.0).ascent(of(self.face.ascender())).descent(of(self.face.descender()));
        told.cap_height(of(self.face.capital_height().unwrap_or(self.face.ascender()))).stem_v(80.0);
        match outlines {
            Some(_) => told.font_file3(file),
            None => told.font_file2(file),
        };
        told.finish();
        let bytes = packed(outlines.unwrap_or(&subset));
        let mut stream = pdf.stream(file, &bytes);
        stream.filter(Filter::FlateDecode);
        if outlines.is_some() {
            stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
        }
        stream.finish();
        let mut map = UnicodeCmap::<u16>::new(Name(b"Musubi"), system);
        for (glyph, (c, _)) in &self.used {
            map.pair(*glyph, *c);
        }
        let map = map.finish();
        pdf.cmap(unicode, map.as_slice()).name(Name(b"Musubi")).system_info(system);
        Ok(())
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Into memory it never fails.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_and_ends_as_japanese_allows() {
        assert!(!breaks('す', '。') && !breaks('「', '花') && !breaks('ア', 'ー') && breaks('花', '子') && breaks('。', '次'));
        assert!(breaks(' ', 'w') && !breaks('w', 'o') && breaks('花', 'w') && breaks('/', 'w'));
    }

    #[test]
    fn text_is_laid_out_and_can_be_read_back() {
        let Some(font) = Font::usual() else {
            eprintln!("skipped: no font that has Japanese characters is installed");
            return;
        };
        let mut paper = Paper::new(&font, "TLP:AMBER", "c1").unwrap();
        for line in paper.lines(&"観測された事象は、次のとおりです。".repeat(20), 10.0, 200.0) {
            let wide: f32 = line.chars().map(|c| paper.width(c, 10.0)).sum();
            assert!(wide <= 200.0 && !line.starts_with(['、', '。']), "{line}");
        }
        assert!(paper.lines(&"x".repeat(500), 10.0, 100.0).len() > 5, "a word without end is cut");
        assert_eq!(paper.lines("", 10.0, 100.0), Vec::<String>::new());
        paper.heading("報告書 Report");
        for n in 0..120 {
            paper.item(&format!("{n}: 198[.]51[.]100[.]{n} を観測"));
        }
        paper.row(&[("左", 0.3), ("right", 0.7)], 9.0);
        assert!(paper.pages.len() > 2);
        let bytes = paper.finish("報告書", "ja").unwrap();
        assert!(bytes.starts_with(b"%PDF-1.") && bytes.len() < 300_000, "{}", bytes.len());
    }
}
