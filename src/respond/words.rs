//! Usher's own words, in the languages it speaks.

use crate::error::Error;

/// What is said of one kind of failure: a title and a sentence.
type Said = (&'static str, &'static str);

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    /// Language tag.
    pub tag: &'static str,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// Label of the request id.
    pub reference: &'static str,
    /// Label of the way home.
    pub home: &'static str,
    request: Said,
    sign_in: Said,
    forbidden: Said,
    missing: Said,
    fault: Said,
    unreachable: Said,
    unavailable: Said,
}

impl Words {
    /// The words of a language tag, or of its language, or English.
    #[must_use]
    pub fn of(tag: &str) -> &'static Self {
        let language = tag.split('-').next().unwrap_or_default();
        ALL.iter().find(|words| words.tag.eq_ignore_ascii_case(language)).unwrap_or(&ENGLISH)
    }

    /// Title and sentence for an error.
    #[must_use]
    pub fn say(&self, error: &Error) -> Said {
        match error.status() {
            401 => self.sign_in,
            403 => self.forbidden,
            404 => self.missing,
            502 | 504 => self.unreachable,
            503 => self.unavailable,
            400..500 => self.request,
            _ => self.fault,
        }
    }
}

const ENGLISH: Words = Words {
    tag: "en",
    dir: "ltr",
    reference: "Reference",
    home: "To the start page",
    request: ("That request was not understood", "Please check the address or what was sent, and try again."),
    sign_in: ("Please sign in", "This page is for people who are signed in."),
    forbidden: ("Not allowed", "You may not do this here."),
    missing: ("Nothing is here", "The page you asked for does not exist, or no longer does."),
    fault: ("Something went wrong", "It is our fault, and it has been noted. Please try again."),
    unreachable: ("The application does not answer", "It may be back in a moment. Please try again."),
    unavailable: ("Not available right now", "Please try again in a moment."),
};

static ALL: [Words; 6] = [
    ENGLISH,
    Words {
        tag: "de",
        dir: "ltr",
        reference: "Kennung",
        home: "Zur Startseite",
        request: (
            "Diese Anfrage wurde nicht verstanden",
            "Bitte prüfen Sie die Adresse oder die gesendeten Daten und versuchen Sie es noch einmal.",
        ),
        sign_in: ("Bitte melden Sie sich an", "Diese Seite ist nur für angemeldete Personen."),
        forbidden: ("Nicht erlaubt", "Das dürfen Sie hier nicht tun."),
        missing: ("Hier ist nichts", "Die gewünschte Seite gibt es nicht oder nicht mehr."),
        fault: (
            "Etwas ist schiefgegangen",
            "Der Fehler liegt bei uns und wurde vermerkt. Bitte versuchen Sie es noch einmal.",
        ),
        unreachable: (
            "Die Anwendung antwortet nicht",
            "Vielleicht ist sie gleich wieder da. Bitte versuchen Sie es noch einmal.",
        ),
        unavailable: ("Gerade nicht verfügbar", "Bitte versuchen Sie es gleich noch einmal."),
    },
    Words {
        tag: "es",
        dir: "ltr",
        reference: "Referencia",
        home: "Ir a la página de inicio",
        request: (
            "No se ha entendido la petición",
            "Compruebe la dirección o los datos enviados e inténtelo de nuevo.",
        ),
        sign_in: ("Inicie sesión", "Esta página es para quienes han iniciado sesión."),
        forbidden: ("No permitido", "No puede hacer esto aquí."),
        missing: ("Aquí no hay nada", "La página que busca no existe o ya no existe."),
        fault: ("Algo ha fallado", "El error es nuestro y ha quedado registrado. Inténtelo de nuevo."),
        unreachable: ("La aplicación no responde", "Puede que vuelva en un momento. Inténtelo de nuevo."),
        unavailable: ("No disponible en este momento", "Inténtelo de nuevo en un momento."),
    },
    Words {
        tag: "fr",
        dir: "ltr",
        reference: "Référence",
        home: "Vers la page d’accueil",
        request: ("Cette demande n’a pas été comprise", "Vérifiez l’adresse ou les données envoyées, puis réessayez."),
        sign_in: ("Veuillez vous connecter", "Cette page est réservée aux personnes connectées."),
        forbidden: ("Non autorisé", "Vous ne pouvez pas faire cela ici."),
        missing: ("Il n’y a rien ici", "La page demandée n’existe pas ou n’existe plus."),
        fault: ("Une erreur s’est produite", "L’erreur vient de nous et a été notée. Veuillez réessayer."),
        unreachable: (
            "L’application ne répond pas",
            "Elle sera peut-être de retour dans un instant. Veuillez réessayer.",
        ),
        unavailable: ("Indisponible pour le moment", "Veuillez réessayer dans un instant."),
    },
    Words {
        tag: "ja",
        dir: "ltr",
        reference: "照会番号",
        home: "トップページへ",
        request: ("リクエストを理解できませんでした", "アドレスまたは送信内容をご確認のうえ、もう一度お試しください。"),
        sign_in: ("サインインしてください", "このページはサインインした方のみご覧いただけます。"),
        forbidden: ("許可されていません", "ここではその操作はできません。"),
        missing: ("ページが見つかりません", "お探しのページは存在しないか、削除されました。"),
        fault: ("問題が発生しました", "こちら側の問題です。記録しましたので、もう一度お試しください。"),
        unreachable: ("アプリケーションが応答しません", "まもなく復旧する場合があります。もう一度お試しください。"),
        unavailable: ("現在ご利用いただけません", "しばらくしてからもう一度お試しください。"),
    },
    Words {
        tag: "ar",
        dir: "rtl",
        reference: "المرجع",
        home: "إلى صفحة البداية",
        request: ("تعذّر فهم هذا الطلب", "يرجى التحقق من العنوان أو من البيانات المرسلة ثم المحاولة مرة أخرى."),
        sign_in: ("يرجى تسجيل الدخول", "هذه الصفحة مخصصة لمن سجّلوا الدخول."),
        forbidden: ("غير مسموح", "لا يمكنك فعل ذلك هنا."),
        missing: ("لا يوجد شيء هنا", "الصفحة التي طلبتها غير موجودة أو لم تعد موجودة."),
        fault: ("حدث خطأ ما", "الخطأ من جانبنا وقد تم تسجيله. يرجى المحاولة مرة أخرى."),
        unreachable: ("التطبيق لا يستجيب", "قد يعود بعد لحظات. يرجى المحاولة مرة أخرى."),
        unavailable: ("غير متاح حاليًا", "يرجى المحاولة مرة أخرى بعد لحظات."),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_its_tag_and_english_serves_the_rest() {
        for (tag, found) in [("de", "de"), ("de-AT", "de"), ("AR-eg", "ar"), ("tlh", "en"), ("", "en")] {
            assert_eq!(Words::of(tag).tag, found, "{tag}");
        }
    }
}
