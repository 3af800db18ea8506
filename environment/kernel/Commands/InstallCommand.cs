using System.CommandLine;
using Cellar.Protocol;
using Cellar.VsCode;

namespace Cellar.Commands;

/// <summary><c>install</c> and <c>uninstall</c>: make the kernel known to Jupyter, and unknown again.</summary>
internal static class InstallCommand
{
    /// <param name="program">What Jupyter starts, up to the name of the command.</param>
    public static Command Install(IReadOnlyList<string> program)
    {
        (Option<bool> user, Option<string?> prefix, Option<string> name) = Places();
        var force = new Option<bool>("--force") { Description = "Replace a kernel of the same name that something else installed." };
        var vscode = new Option<bool>("--vscode") { Description = $"Also write {Editors.Setting} into the user settings of every VS Code that is found, so that members complete after a dot. A copy is left beside them." };
        var command = new Command("install", $"Make the kernel known to Jupyter as {KernelSpec.DefaultName}.") { user, prefix, name, force, vscode };
        command.SetAction(parsed => Try(() =>
        {
            var spec = new KernelSpec(DataFolder(parsed.GetValue(user), parsed.GetValue(prefix)), parsed.GetValue(name)!);
            spec.Install([.. program, StartCommand.Name], parsed.GetValue(force));
            Console.WriteLine($"Installed {spec.Folder}. Choose \"{spec.DisplayName}\" in Jupyter or VS Code.");
            if (!OnPath("jupyter")) Console.WriteLine("Jupyter is not on the PATH. VS Code's Jupyter extension finds the kernel anyway; for JupyterLab: pip install jupyterlab");
            if (parsed.GetValue(vscode)) VsCodeSettings.Write();
            else Console.WriteLine($"VS Code completes after a dot once its user settings have {Editors.Setting}; install --vscode writes that.");
        }));
        return command;
    }

    public static Command Uninstall()
    {
        (Option<bool> user, Option<string?> prefix, Option<string> name) = Places();
        var vscode = new Option<bool>("--vscode") { Description = "Also take back what install --vscode has written into the user settings." };
        var command = new Command("uninstall", "Remove what install has written, and nothing else.") { user, prefix, name, vscode };
        command.SetAction(parsed => Try(() =>
        {
            var spec = new KernelSpec(DataFolder(parsed.GetValue(user), parsed.GetValue(prefix)), parsed.GetValue(name)!);
            Console.WriteLine(spec.Uninstall() ? $"Removed {spec.Folder}." : $"There is no {spec.Folder}: nothing to remove.");
            if (parsed.GetValue(vscode)) VsCodeSettings.Remove();
        }));
        return command;
    }

    private static (Option<bool> User, Option<string?> Prefix, Option<string> Name) Places() => (
        new Option<bool>("--user") { Description = "In the user's own folder of Jupyter's data; the default." },
        new Option<string?>("--prefix") { Description = "In share/jupyter below this folder, for example /usr/local or a Python environment." },
        new Option<string>("--name") { Description = "Another name, so that the kernel stands beside .NET Interactive's.", DefaultValueFactory = _ => KernelSpec.DefaultName });

    private static string DataFolder(bool user, string? prefix) => (user, prefix) switch
    {
        (true, not null) => throw new InvalidOperationException("--user and --prefix name two places: give one of them."),
        (_, not null) => Path.Combine(prefix, "share", "jupyter"),
        _ => KernelSpec.UserDataFolder(),
    };

    private static bool OnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, name)) || File.Exists(Path.Combine(folder, name + ".exe")));

    private static int Try(Action action)
    {
        try
        {
            action();
            return 0;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            string cure = e is UnauthorizedAccessException ? " Leave --prefix out to install for yourself alone." : "";
            Console.Error.WriteLine(e.Message + cure);
            return 1;
        }
    }
}
