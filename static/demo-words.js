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
};
const english = { signed: "You are signed in as", unsigned: "You are not signed in." };

/** The words of a key, or undefined where the page's own serve. */
export const word = (tag, key) => words[key][languages.indexOf(tag)] ?? english[key];

/** Speaks the whole page. */
export function speak(tag) {
  for (const element of document.querySelectorAll("[data-say]")) {
    element.dataset.english ??= element.innerHTML;
    const said = word(tag, element.dataset.say);
    if (said === undefined) element.innerHTML = element.dataset.english;
    else element.textContent = said;
  }
  document.documentElement.lang = languages.includes(tag) ? tag : "en";
  document.documentElement.dir = tag === "ar" ? "rtl" : "ltr";
}
