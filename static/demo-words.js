// The demo in the languages it is configured with: for each key the words of `data-say`, in the order
// of `languages`. English stands in the page itself.
const languages = ["de", "es", "fr", "ja", "ar"];
const words = {
  title: ["Guten Abend. Ihre Karte, bitte?", "Buenas noches. ¿Su entrada, por favor?", "Bonsoir. Votre billet, s’il vous plaît ?", "こんばんは。チケットを拝見します。", "مساء الخير. تذكرتك من فضلك؟"],
  intro: ["Usher steht an der Tür Ihrer Anwendung. Alles hier unten ging durch sie.", "Usher está en la puerta de su aplicación. Todo lo de abajo pasó por ella.", "Usher se tient à la porte de votre application. Tout ce qui suit est passé par elle.", "Usher はアプリケーションの入口に立っています。以下はすべてそこを通りました。", "يقف Usher عند باب تطبيقك. كل ما يلي مرّ من خلاله."],
  visitor: ["Gast", "visitante", "visiteur", "訪問者", "الزائر"],
  ticket: ["Karte", "Entrada", "Billet", "チケット", "التذكرة"],
  language: ["Sprache", "idioma", "langue", "言語", "اللغة"],
  region: ["Region", "región", "région", "地域", "المنطقة"],
  cache: ["Cache", "caché", "cache", "キャッシュ", "الذاكرة المؤقتة"],
  name: ["Ihr Name", "Su nombre", "Votre nom", "お名前", "اسمك"],
  enter: ["Anmelden", "Iniciar sesión", "Se connecter", "サインイン", "تسجيل الدخول"],
  anybody: ["In der Demo darf jeder jeder sein; es gibt kein Passwort.", "En la demo cualquiera puede ser cualquiera; no hay contraseña.", "Dans la démo, chacun peut être n’importe qui ; il n’y a pas de mot de passe.", "デモでは誰にでもなれます。パスワードはありません。", "في العرض التجريبي يمكن لأي شخص أن يكون أي شخص؛ لا توجد كلمة مرور."],
  leave: ["Abmelden", "Cerrar sesión", "Se déconnecter", "サインアウト", "تسجيل الخروج"],
  ends: ["Die Sitzung endet hier sofort und überall sonst innerhalb der Frist des Hauptbuchs.", "La sesión termina aquí al instante y en los demás sitios dentro del plazo del libro.", "La session prend fin ici aussitôt, et ailleurs dans le délai du registre.", "セッションはここでは即座に、他の場所でも台帳の遅延内に終了します。", "تنتهي الجلسة هنا فورًا، وفي كل مكان آخر خلال مهلة السجل."],
  members: ["ist nur für angemeldete Gäste.", "es solo para visitantes con sesión.", "est réservé aux visiteurs connectés.", "はサインインした方専用です。", "للزوار الذين سجّلوا الدخول فقط."],
  tongue: ["Sprache und Ort", "Idioma y lugar", "Langue et lieu", "言語と場所", "اللغة والمكان"],
  speak: ["Sprechen Sie mit mir", "Hábleme en", "Parlez-moi en", "表示言語", "تحدّث إليّ بـ"],
  automatic: ["Automatisch", "Automático", "Automatique", "自動", "تلقائي"],
  pretend: ["So tun, als wäre ich in", "Fingir que estoy en", "Faire comme si j’étais à", "次の場所にいることにする", "تظاهر بأنني في"],
  programme: ["Das Programm an der Tür", "El programa en la puerta", "Le programme à la porte", "入口のプログラム", "البرنامج عند الباب"],
  watch: ["Laden Sie eine Seite aus dem Cache, leeren Sie ihn und sehen Sie zu, wie sich Cache-Status ändert.", "Cargue una página en caché, púrguela y vea cómo cambia Cache-Status.", "Chargez une page mise en cache, purgez-la et voyez Cache-Status changer.", "キャッシュされたページを読み込み、パージして、Cache-Status の変化をご覧ください。", "حمّل صفحة مخزّنة، ثم أزلها وراقب تغيّر Cache-Status."],
  load: ["/about laden", "Cargar /about", "Charger /about", "/about を読み込む", "تحميل /about"],
  purge: ["Das Etikett „about“ leeren", "Purgar la etiqueta «about»", "Purger l’étiquette « about »", "タグ「about」をパージ", "إزالة الوسم «about»"],
  told: ["Was Ihre Anwendung erfährt", "Lo que se le dice a su aplicación", "Ce que votre application apprend", "アプリケーションに伝わること", "ما يُقال لتطبيقك"],
  headers: ["Diese Kopfzeilen würden die Anwendung erreichen. Was ein Gast fälscht, ist fort; was Usher herausfand, ist hervorgehoben.", "Estas cabeceras llegarían a la aplicación. Lo que un visitante falsifica desaparece; lo que Usher averiguó está marcado.", "Voici les en-têtes qui atteindraient l’application. Ce qu’un visiteur falsifie a disparu ; ce qu’Usher a trouvé est surligné.", "アプリケーションに届くヘッダーです。偽造されたものは消え、Usher が調べたものは強調されています。", "هذه هي الترويسات التي ستصل إلى التطبيق. ما يزوّره الزائر اختفى، وما اكتشفه Usher مميَّز."],
  signed: ["Sie sind angemeldet als", "Ha iniciado sesión como", "Vous êtes connecté en tant que", "サインイン中：", "لقد سجّلت الدخول باسم"],
  unsigned: ["Sie sind nicht angemeldet.", "No ha iniciado sesión.", "Vous n’êtes pas connecté.", "サインインしていません。", "لم تسجّل الدخول."],
  here: ["wo ich bin", "donde estoy", "là où je suis", "実際の場所", "حيث أنا"],
  tokyo: ["Tokio, Japan", "Tokio, Japón", "Tokyo, Japon", "日本・東京", "طوكيو، اليابان"],
  berlin: ["Berlin, Deutschland", "Berlín, Alemania", "Berlin, Allemagne", "ドイツ・ベルリン", "برلين، ألمانيا"],
  york: ["New York, USA", "Nueva York, EE. UU.", "New York, États-Unis", "米国・ニューヨーク", "نيويورك، الولايات المتحدة"],
  egypt: ["Ägypten, ohne Koordinaten", "Egipto, sin coordenadas", "Égypte, sans coordonnées", "エジプト（座標なし）", "مصر، دون إحداثيات"],
  nowhere: ["an keinem bekannten Ort", "ningún lugar conocido", "nulle part de connu", "不明な場所", "مكان غير معروف"],
  unknown: ["unbekannt", "desconocido", "inconnu", "不明", "غير معروف"],
  unloaded: ["Noch nicht geladen.", "Aún no se ha cargado.", "Pas encore chargé.", "まだ読み込んでいません。", "لم يُحمَّل بعد."],
  earlier: ["Frühere Ladevorgänge, der neueste zuerst", "Cargas anteriores, la más reciente primero", "Chargements précédents, le plus récent d’abord", "これまでの読み込み（新しい順）", "عمليات التحميل السابقة، الأحدث أولًا"],
  decided: ["Was Usher über die letzte Anfrage entschied", "Lo que Usher decidió sobre la última petición", "Ce qu’Usher a décidé pour la dernière requête", "最後のリクエストについて Usher が決めたこと", "ما قرره Usher بشأن آخر طلب"],
  hit: ["Treffer", "acierto", "trouvé", "ヒット", "إصابة"],
  miss: ["verfehlt", "fallo", "manqué", "ミス", "إخفاق"],
  stored: ["verfehlt, erfragt und gespeichert", "fallo, pedido y guardado", "manqué, demandé et stocké", "ミス（取得して保存）", "إخفاق، طُلب وخُزّن"],
  asked: ["erfragt, nicht gespeichert", "pedido, no guardado", "demandé, non stocké", "取得（保存せず）", "طُلب ولم يُخزَّن"],
  purged: ["Geleert: %1. Hier gilt es jetzt, überall binnen %2 ms. Laden Sie noch einmal.", "Purgado: %1. Aquí ya, en todas partes en %2 ms. Vuelva a cargar.", "Purgé : %1. Ici dès maintenant, partout en %2 ms. Chargez à nouveau.", "%1 をパージしました。ここでは即座に、全体では %2 ms 以内に有効です。もう一度読み込んでください。", "أُزيل %1: هنا الآن، وفي كل مكان خلال %2 مللي ثانية. حمّل مرة أخرى."],
  unpurged: ["Nicht geleert: %1", "No purgado: %1", "Non purgé : %1", "パージできませんでした：%1", "لم تتم الإزالة: %1"],
  failed: ["Das ging nicht: %1", "No ha funcionado: %1", "Cela n’a pas fonctionné : %1", "失敗しました：%1", "لم ينجح ذلك: %1"],
  path: ["durch den Pfad", "por la ruta", "par le chemin", "パスによる", "حسب المسار"],
  query: ["durch die Abfrage", "por la consulta", "par la requête", "クエリによる", "حسب الاستعلام"],
  cookie: ["durch ein Cookie", "por una cookie", "par un cookie", "Cookie による", "حسب ملف الارتباط"],
  session: ["durch die Sitzung", "por la sesión", "par la session", "セッションによる", "حسب الجلسة"],
  header: ["durch den Browser", "por el navegador", "par le navigateur", "ブラウザーによる", "حسب المتصفح"],
  country: ["durch das Land", "por el país", "par le pays", "国による", "حسب البلد"],
  continent: ["durch den Kontinent", "por el continente", "par le continent", "大陸による", "حسب القارة"],
  distance: ["durch die Entfernung", "por la distancia", "par la distance", "距離による", "حسب المسافة"],
  default: ["als Vorgabe", "por defecto", "par défaut", "既定", "افتراضي"],
  only: ["als einzige", "la única", "la seule", "唯一", "الوحيد"],
  health: ["Zustand", "Estado", "État", "稼働状況", "الحالة"],
  until: ["(„unavailable“, solange unter ORIGIN_URL nichts antwortet)", "(«unavailable» hasta que algo responda en ORIGIN_URL)", "(« unavailable » tant que rien ne répond à ORIGIN_URL)", "（ORIGIN_URL が応答するまでは「unavailable」）", "(«unavailable» إلى أن يجيب شيء عند ORIGIN_URL)"],
  missing: ["Eine Seite, die es nicht gibt", "Una página que no existe", "Une page qui n’existe pas", "存在しないページ", "صفحة غير موجودة"],
  application: ["Die Anwendung", "La aplicación", "L’application", "アプリケーション", "التطبيق"],
  yours: ["(Ihre)", "(la suya)", "(la vôtre)", "（お客様のもの）", "(تطبيقك)"],
};
/** What stands in no page, in English. */
const english = {
  signed: "You are signed in as",
  unsigned: "You are not signed in.",
  unknown: "unknown",
  hit: "hit",
  miss: "miss",
  stored: "miss, asked and stored",
  asked: "asked, not stored",
  purged: "Purged %1: here now, everywhere within %2 ms. Load it again.",
  unpurged: "Not purged: %1",
  failed: "That did not work: %1",
  path: "by the path",
  query: "by the query",
  cookie: "by a cookie",
  session: "by the session",
  header: "by the browser",
  country: "by country",
  continent: "by continent",
  distance: "by distance",
  default: "by default",
  only: "the only one",
};

/** The language that the page speaks. */
let spoken = "en";

/** The words of a key, `%1` and `%2` filled in; undefined where the page's own serve. */
export function word(key, ...values) {
  const said = words[key]?.[languages.indexOf(spoken)] ?? english[key];
  return said?.replace(/%(\d)/g, (_, at) => values[at - 1]);
}

/** Speaks the whole page. */
export function speak(tag) {
  spoken = tag;
  for (const element of document.querySelectorAll("[data-say]")) {
    element.dataset.english ??= element.innerHTML;
    const said = word(element.dataset.say);
    if (said === undefined) element.innerHTML = element.dataset.english;
    else element.textContent = said;
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.dataset.english ??= element.ariaLabel;
    element.ariaLabel = word(element.dataset.label) ?? element.dataset.english;
  }
  document.documentElement.lang = languages.includes(tag) ? tag : "en";
  document.documentElement.dir = tag === "ar" ? "rtl" : "ltr";
}
