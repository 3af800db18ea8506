using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class BundledFilesTests
{
    [Fact]
    public void The_folder_is_found_above_the_program() => Assert.True(File.Exists(BundledFiles.Find("brain-mri/split.csv")));

    [Fact]
    public void The_variable_goes_first()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["brain-mri"]);
        With(folder.Path, () => Assert.Equal(folder.Path, BundledFiles.Root));
    }

    [Fact]
    public void A_variable_that_leads_nowhere_is_named() => With("/nowhere", () =>
    {
        var e = Assert.Throws<FileNotFoundException>(() => BundledFiles.Root);
        Assert.Contains("/nowhere", e.Message);
        Assert.Contains("UNETRESNET_DATA", e.Message);
    });

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("no-such.bin", Assert.Throws<FileNotFoundException>(() => BundledFiles.Find("brain-mri/no-such.bin")).FileName);

    private static void With(string value, Action action)
    {
        string? before = Environment.GetEnvironmentVariable(BundledFiles.EnvironmentVariable);
        try
        {
            Environment.SetEnvironmentVariable(BundledFiles.EnvironmentVariable, value);
            action();
        }
        finally
        {
            Environment.SetEnvironmentVariable(BundledFiles.EnvironmentVariable, before);
        }
    }
}
