//! A font that has Japanese characters: the one that is configured, one in the home, or one of those that systems bring.

use std::path::Path;

use store::home::Home;
use ttf_parser::Face;

/// Where systems keep fonts that have both languages, the more legible first.
const USUAL: [&str; 14] = [
    "/usr/share/fonts/opentype/bizud-gothic/BIZUDGothic-Regular.ttf",
    "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf",
    "/usr/share/fonts/truetype/fonts-morisawa-bizud-gothic/BIZUDGothic-Regular.ttf",
    "/usr/share/fonts/morisawa-biz-ud-gothic-fonts/BIZUDGothic-Regular.ttf",
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/truetype/takao-gothic/TakaoGothic.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/System/Library/Fonts/ヒラギノ角ゴシック W3.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:\\Windows\\Fonts\\YuGothR.ttc",
    "C:\\Windows\\Fonts\\meiryo.ttc",
];
/// Larger files are no fonts.
const LARGEST: u64 = 64 << 20;

/// A font file, and which of its faces is meant.
#[derive(Debug)]
pub(in crate::console) struct Font {
    pub(super) bytes: Vec<u8>,
    pub(super) index: u32,
}

impl Font {
    /// The first that can be used: as configured, `report-font.ttf` or `.otf` in the home, one of the system's.
    pub(in crate::console) fn find(home: &Home, configured: Option<&Path>) -> Option<Self> {
        if let Some(path) = configured {
            let font = Self::read(path);
            if font.is_none() {
                tracing::warn!("{}: this font cannot be read or has no Japanese characters", path.display());
            }
            return font;
        }
        ["report-font.ttf", "report-font.otf"].iter().find_map(|name| Self::read(&home.resolve(name))).or_else(Self::usual)
    }

    /// One that the system brings.
    pub(super) fn usual() -> Option<Self> {
        USUAL.iter().find_map(|path| Self::read(Path::new(path)))
    }

    fn read(path: &Path) -> Option<Self> {
        if std::fs::metadata(path).ok()?.len() > LARGEST {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        let faces = ttf_parser::fonts_in_collection(&bytes).unwrap_or(1);
        let has_both =
            |index: &u32| Face::parse(&bytes, *index).is_ok_and(|face| "事案Ab・".chars().all(|c| face.glyph_index(c).is_some()));
        let index = (0..faces).find(has_both)?;
        Some(Self { bytes, index })
    }
}
